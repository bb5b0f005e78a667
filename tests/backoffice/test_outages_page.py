"""What staff see of an outage, and what they do about it."""

import pytest
from django.urls import reverse

from core import clock
from core.models import Job
from tests.factories import make_subscription, serve
from vpnpanel.models import Outage, PanelRules

pytestmark = pytest.mark.django_db


@pytest.fixture
def outage() -> Outage:
    account = serve(make_subscription())
    return Outage.objects.create(panel=account.panel, began_at=clock.now(), alerted_at=clock.now())


def act(outage: Outage, name: str) -> str:
    return reverse("admin:vpnpanel_outage_act", args=[outage.pk, name])


def test_the_page_says_how_many_are_concerned_and_offers_what_can_be_done(client, staff, outage):
    page = client.get(reverse("admin:vpnpanel_outage_change", args=[outage.pk])).content.decode()
    for words in ("Tell the customers", "Give days", "Nothing more to do"):
        assert words in page
    assert "Take the days back" not in page


def test_giving_days_is_asked_first_with_how_many_customers_get_them(client, staff, outage):
    values = {"days": "2", "reason": "sorry"}
    asked = client.post(act(outage, "credit"), values).content.decode()
    assert "2 days each" in asked and not Job.objects.filter(kind="outage_credit").exists()
    client.post(act(outage, "credit"), {**values, "confirm": "1"}, follow=True)
    assert Job.objects.get(kind="outage_credit").asked_by == "olga"
    outage.refresh_from_db()
    assert (outage.credit, outage.credit_days) == ("given", 2)


def test_settling_takes_it_off_the_home_page(client, staff, outage):
    home = client.get(reverse("admin:index")).content.decode()
    assert "Outages to look at" in home
    client.post(act(outage, "settle"), {"confirm": "1"}, follow=True)
    assert not Outage.objects.filter(settled_at__isnull=True).exists()


def test_the_rules_are_one_row_changed_through_the_trail(client, staff):
    client.post(reverse("admin:vpnpanel_panelrules_add"), {"alert_after_minutes": "25"}, follow=True)
    assert PanelRules.objects.get().alert_after_minutes == 25

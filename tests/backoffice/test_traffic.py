"""Traffic as staff see and limit it."""

import pytest
from django.urls import reverse

from core import clock
from notifications.models import OutboxMessage
from tests.backoffice.conftest import allow
from vpnpanel.models import PanelAccount
from vpnpanel.services import usage

pytestmark = pytest.mark.django_db
GIB = 2**30


def page(client, row) -> str:
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return client.get(address).content.decode()


def set_limit(client, life, **form):
    address = reverse("admin:subscriptions_subscription_act", args=[life.subscription.pk, "limit"])
    answers = {"limit": "5", "reason": "shared the link", "confirm": "1", **form}
    return client.post(address, {name: value for name, value in answers.items() if value is not None})


def test_days_are_drawn_on_both_pages(client, staff, life):
    assert "<svg viewBox" not in page(client, life.subscription)
    usage.note_growth({life.subscription.access_id: 3 * GIB}, at=clock.now())
    for row in (life.subscription, life.customer):
        shown = page(client, row)
        assert shown.count("<title>") >= 30 and "<svg viewBox" in shown and "3.0\xa0GB" in shown


def test_limit_of_their_own_is_set_shown_and_lifted(client, staff, life):
    set_limit(client, life)
    PanelAccount.objects.filter(access=life.subscription.access).update(used_bytes=GIB)
    life.subscription.refresh_from_db()
    assert life.subscription.own_limit == 5 * GIB
    assert "1.0\xa0GB / 5.0\xa0GB" in page(client, life.subscription)
    assert "set by staff" in page(client, life.customer)
    set_limit(client, life, limit="")
    life.subscription.refresh_from_db()
    assert life.subscription.own_limit is None


def test_limit_that_is_there_already_is_said_and_nobody_told(client, staff, life):
    address = reverse("admin:subscriptions_subscription_act", args=[life.subscription.pk, "limit"])
    answers = {"limit": "", "reason": "shared the link", "confirm": "1"}
    assert "nothing was changed" in client.post(address, answers, follow=True).content.decode()
    assert not OutboxMessage.objects.filter(kind="limit_changed").exists()


@pytest.mark.parametrize("wrong", [{"reason": ""}, {"limit": "-1"}, {"limit": "much"}])
def test_wrong_limit_is_shown_again_and_does_nothing(client, staff, life, wrong):
    assert set_limit(client, life, **wrong).context["form"].errors
    life.subscription.refresh_from_db()
    assert life.subscription.own_limit is None


def test_limit_shows_what_would_change_before_it_does(client, staff, life):
    (change,) = set_limit(client, life, confirm=None).context["changes"]
    assert (change.before, change.after) == ("as the plan says", "5.0\xa0GB")


def test_limit_is_refused_without_the_permission(client, helper, life):
    allow(helper, "view_subscription")
    assert set_limit(client, life).status_code == 403

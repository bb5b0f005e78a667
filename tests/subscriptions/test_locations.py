"""Where a customer's servers stand: the choice, its limits, and that nobody is without access meanwhile."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEvent
from core import clock
from subscriptions import services, status
from subscriptions.errors import NoSuchSubscription, TooSoon
from tests.factories import let_pass, make_customer, make_panel, make_subscription
from vpnpanel import reconciler
from vpnpanel.errors import NoSuchLocation
from vpnpanel.models import Access, Panel, PanelAccount
from vpnpanel.services import outages


@pytest.fixture
def panels(installation, marzban, second_marzban) -> list[Panel]:
    return [
        make_panel(marzban, location="Amsterdam"),
        make_panel(second_marzban, name="de-1", location="Frankfurt"),
    ]


@pytest.fixture
def held(panels):
    """A subscription that is served in Amsterdam, where the first customer goes."""
    subscription = make_subscription()
    assert reconciler.reconcile_one(subscription.access_id)
    return subscription


def choose(subscription, location: str) -> bool:
    return services.choose_location(
        subscription.pk, location=location, actor="customer", customer_id=subscription.user_id
    )


def home_of(subscription) -> str:
    live = PanelAccount.objects.filter(placement__in=PanelAccount.LIVE)
    return live.get(access=subscription.access_id).panel.location


def links_of(subscription) -> set[str]:
    """Return the hosts of the links a customer's app gets."""
    fresh = type(subscription).objects.select_related("access", "user").get(pk=subscription.pk)
    reading = status.read(fresh, fresh.user, now=clock.now())
    links = [link for source in reading.sources for link in source.links]
    return {link.split("@")[1].split(".")[0].removesuffix("-cdn") for link in links}


def test_customer_moves_to_the_location_chosen_and_the_old_one_leaves_the_link(held, marzban, second_marzban):
    offer = services.locations_of(held.user)
    assert list(offer.locations) == ["Amsterdam", "Frankfurt"] and offer.is_choice and offer.chosen == ""
    assert choose(held, "Frankfurt")
    assert reconciler.reconcile_one(held.access_id)
    assert home_of(held) == "Frankfurt" and links_of(held) == {"de1"}
    assert len(marzban.users()) == len(second_marzban.users()) == 1
    old = PanelAccount.objects.get(access=held.access_id, placement="leaving")
    assert old.serves_until - old.leaving_at > timedelta(hours=23), "apps refresh twice a day"
    assert AuditEvent.objects.filter(action="location.chosen").count() == 1


def test_old_server_serves_until_the_new_one_works(held, marzban, second_marzban):
    second_marzban.fail("POST /api/user", "error", status=500)
    choose(held, "Frankfurt")
    assert not reconciler.reconcile_one(held.access_id)
    assert links_of(held) == {"nl1"} and len(marzban.users()) == 1
    second_marzban.heal()
    assert reconciler.reconcile_one(held.access_id)
    assert links_of(held) == {"de1"} and len(marzban.users()) == 1


def test_location_can_be_left_while_its_panel_is_down(held, marzban):
    marzban.outage(True)
    outages.probe()
    choose(held, "Frankfurt")
    reconciler.reconcile_due()
    assert home_of(held) == "Frankfurt" and not Access.objects.get(pk=held.access_id).is_dirty


def test_another_choice_waits_ten_minutes(held):
    choose(held, "Frankfurt")
    assert not choose(held, "Frankfurt")
    with pytest.raises(TooSoon):
        choose(held, "")
    assert services.locations_of(held.user).again_at
    Access.objects.update(location_chosen_at=clock.now() - timedelta(minutes=11))
    assert choose(held, "")


@pytest.mark.parametrize(
    "unfit",
    [{"state": "closed"}, {"is_up": False}, {"capacity": 1, "load": 1}, {"guard": "failed"}],
)
def test_location_without_room_is_not_offered_nor_taken(held, unfit):
    Panel.objects.filter(name="de-1").update(**unfit)
    offer = services.locations_of(held.user)
    assert not offer.is_choice
    with pytest.raises(NoSuchLocation):
        choose(held, "Frankfurt")


def test_room_lost_meanwhile_leaves_the_customer_where_they_are(held, marzban):
    choose(held, "Frankfurt")
    Panel.objects.filter(name="de-1").update(state=Panel.State.CLOSED)
    assert reconciler.reconcile_one(held.access_id)
    assert home_of(held) == "Amsterdam" and len(marzban.users()) == 1


def test_wish_decides_where_the_next_account_is_made_but_never_whether(held):
    choose(held, "Frankfurt")
    reconciler.reconcile_one(held.access_id)
    Panel.objects.filter(name="de-1").update(state=Panel.State.LOST)
    Access.objects.update(is_dirty=True)
    reconciler.reconcile_one(held.access_id)
    assert home_of(held) == "Amsterdam"
    Panel.objects.filter(name="de-1").update(state=Panel.State.OPEN)
    Access.objects.update(is_dirty=True)
    reconciler.reconcile_one(held.access_id)
    assert home_of(held) == "Amsterdam"  # made after the choice, in spite of it: nobody is moved to and fro


def test_somebody_else_or_one_whose_time_is_over_cannot_choose(held):
    with pytest.raises(NoSuchSubscription):
        services.choose_location(
            held.pk, location="Frankfurt", actor="customer", customer_id=make_customer().pk
        )
    let_pass(held, days=30)
    with pytest.raises(NoSuchSubscription):
        choose(held, "Frankfurt")
    assert services.locations_of(held.user) is None


def test_offer_costs_two_queries_however_many_panels(held, second_marzban):
    costs = []
    for number in range(3):
        with CaptureQueriesContext(connection) as queries:
            services.locations_of(held.user)
        costs.append(len(queries))
        panel = Panel.objects.create(
            name=f"x-{number}", base_url=f"http://127.0.0.1:9/{number}", location="X"
        )
        panel.groups.set(Panel.objects.get(name="de-1").groups.all())
    assert set(costs) == {2}

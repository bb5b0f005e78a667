"""The home page: nothing to do, or what to do, at the same cost."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from backoffice.takings import last_days
from billing.models import Decision, JournalEntry, Notice, Refund
from core import clock
from core.models import Job, Lease
from core.said import said
from core.services import hold_lease, note_health
from notifications.models import OutboxMessage
from telegram_bot.models import Update
from tests.backoffice.conftest import allow, live, order_of, shop_account
from tests.factories import make_customer, make_subscription
from tests.subscriptions.test_unconnected import bought
from vpnpanel.models import Access, Move, Panel

pytestmark = pytest.mark.django_db


def troubles(client) -> dict[str, int]:
    return {concern.key: concern.count for concern in client.get("/admin/").context["troubles"]}


def lag() -> None:
    late = clock.now() - timedelta(seconds=90)
    Access.objects.filter(pk=make_subscription().access_id).update(changed_at=late)


def kill_update() -> None:
    Update.objects.filter(pk=live().update.pk).update(state=Update.State.DEAD)


def stop_schedule() -> None:
    PeriodicTask.objects.filter(name="panels: probe").update(last_run_at=clock.now() - timedelta(minutes=20))


def stuck_move(state: str) -> None:
    panel = Panel.objects.create(name="nl-1", base_url="http://127.0.0.1:9", state="draining")
    Move.objects.create(source=panel, asked_by="olga", state=state, why=asdict(said("nobody could be moved")))


EARLIER = clock.now() - timedelta(minutes=5)


def change(model, row, **values: object) -> None:
    model.objects.filter(pk=row.pk).update(**values)


def test_an_empty_shop_is_well(client, staff):
    assert troubles(client) == {}
    assert "All is well" in client.get("/admin/").content.decode()


def test_a_served_customer_is_no_trouble(client, staff, life):
    assert troubles(client) == {}


@pytest.mark.parametrize(
    "key, cause",
    [
        ("access", lag),
        ("panels", lambda: Panel.objects.create(name="nl-1", base_url="http://127.0.0.1:9", is_up=False)),
        ("guard", lambda: Panel.objects.create(name="nl-1", base_url="http://127.0.0.1:9", guard="failed")),
        (
            "lost_changes",
            lambda: Panel.objects.create(name="nl-1", base_url="http://127.0.0.1:9", lost_changes=3),
        ),
        ("moves", lambda: stuck_move("waiting")),
        ("moves", lambda: stuck_move("paused")),
        ("updates", kill_update),
        ("messages", lambda: live(state=OutboxMessage.State.FAILED)),
        ("schedules", stop_schedule),
        ("orders", lambda: order_of(make_customer(), state="paid", fulfilled_at=None, paid_at=EARLIER)),
        ("decisions", lambda: change(Decision, live().sale.decision, state="open")),
        ("providers", lambda: shop_account(refused_at=clock.now())),
        ("providers", lambda: shop_account(hidden_until=clock.now() + timedelta(minutes=5))),
        ("refunds", lambda: change(Refund, live().sale.refund, state="manual")),
        ("notices", lambda: change(Notice, live().sale.notice, state="dead")),
        ("unconnected", lambda: bought()),
        ("jobs", lambda: Job.objects.create(kind="x", state="failed", asked_by="x", finished_at=clock.now())),
    ],
)
def test_each_trouble_is_said_and_leads_to_its_list(client, staff, key, cause):
    cause()
    assert troubles(client) == {key: 1}
    (concern,) = client.get("/admin/").context["troubles"]
    assert len(client.get(concern.url).context["cl"].result_list) >= 1


def test_telegram_in_trouble_is_said_with_its_words(client, staff):
    hold_lease("bot", holder="here", token="0" * 32, seconds=60)
    note_health("telegram", is_up=False, error="409: another process polls")
    assert troubles(client) == {"services": 1}
    assert "another process polls" in client.get("/admin/").content.decode()


def test_a_bot_that_stopped_is_said(client, staff):
    hold_lease("bot", holder="here", token="0" * 32, seconds=60)
    assert troubles(client) == {}
    Lease.objects.update(until=clock.now() - timedelta(seconds=1))
    assert troubles(client) == {"services": 1}


def test_a_bot_that_was_seen_and_holds_no_place_is_said(client, staff):
    note_health("telegram", is_up=True)
    assert troubles(client) == {"services": 1}


def test_a_panel_that_is_switched_off_need_not_answer(client, staff):
    Panel.objects.create(name="old", base_url="http://127.0.0.1:9", is_up=False, state=Panel.State.OFF)
    assert troubles(client) == {}


def test_a_change_of_this_minute_is_not_late_yet(client, staff):
    make_subscription()
    assert troubles(client) == {}


def test_who_may_see_nothing_is_not_told_that_all_is_well(client, helper):
    Decision.objects.create(kind="unknown", fact="1")
    page = client.get("/admin/").content.decode()
    assert "All is well" not in page and "Nothing here is yours to watch" in page


def test_today_is_counted(client, staff, life):
    figures = {figure.title: figure.value for figure in client.get("/admin/").context["figures"]}
    assert figures["New customers today"] == 2  # the customer and who invited them
    assert figures["Trials today"] == figures["Live subscriptions"] == figures["Messages sent today"] == 1


def test_todays_money_is_what_the_journal_says(client, staff, life):
    entry = {"currency": "RUB", "actor": "x", "amount": 10}
    JournalEntry.objects.create(fact="fee:1", debit="fees", credit="provider", **entry)
    JournalEntry.objects.create(fact="refund:1:paid", debit="refunds", credit="provider", **entry)
    today, yesterday, *_ = client.get("/admin/").context["days"]
    assert (today.orders, today.received_shown, today.share) == (1, "299\u00a0₽", 100)
    assert (today.fees_shown, today.refunded_shown) == ("10\u00a0₽", "10\u00a0₽")
    assert (yesterday.orders, yesterday.received_shown) == (0, "–")


def test_days_of_two_weeks_are_shown_in_the_shops_own_zone(db):
    late = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)  # the second of March in Moscow
    order = order_of(make_customer(), state="paid", fulfilled_at=None, paid_at=late)
    JournalEntry.objects.create(
        fact="charge", debit="provider", credit="prepaid", amount=5, currency="RUB", actor="x", order=order
    )
    JournalEntry.objects.update(created_at=late)
    with timezone.override("Europe/Moscow"):
        days = {f"{day.day}": day for day in last_days(late + timedelta(days=3))}
    assert len(days) == 14
    assert (days["2026-03-02"].orders, days["2026-03-02"].received_shown) == (1, "5\u00a0₽")


def test_money_is_not_shown_to_those_who_may_not_see_it(client, helper, life):
    allow(helper, "view_user")
    page = client.get("/admin/")
    assert page.context["days"] == []
    assert {figure.title for figure in page.context["figures"]} == {"New customers today"}


def test_home_costs_the_same_whatever_happened(client, staff, queries):
    client.get("/admin/")

    def cost() -> int:
        cache.clear()
        with queries() as seen:
            client.get("/admin/")
        return len(seen)

    few = cost()
    for _ in range(5):
        live(state=OutboxMessage.State.FAILED)
        lag()
    assert cost() == few


def test_staff_see_only_the_concerns_of_what_they_may_open(client, helper):
    allow(helper, "view_outboxmessage")
    live(state=OutboxMessage.State.FAILED)
    kill_update()
    assert troubles(client) == {"messages": 1}


def test_side_bar_counts_what_waits(client, staff):
    live(state=OutboxMessage.State.FAILED)
    groups = client.get("/admin/").context["sidebar_navigation"]
    badges = {item["title"]: item.get("badge") for group in groups for item in group["items"]}
    assert badges["Outbox"] == "1"
    assert badges["Panels"] is None

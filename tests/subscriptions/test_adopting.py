"""An operator arrives with customers on a panel: they become the shop's, and the panel is left as it is."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from threading import Event
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from accounts.models import User
from core import clock, jobs
from core.models import Job
from core.said import Sentence
from subscriptions import services
from subscriptions.errors import AdoptionUnfit, NotAdopted
from subscriptions.models import Grant, Plan, Subscription
from subscriptions.services import adopting, adoption_jobs
from tests.factories import make_customer, make_panel, make_subscription, make_xui_panel
from tests.vpnpanel.syncing import run_sync
from vpnpanel import reconciler
from vpnpanel.models import Access, PanelAccount

END = 1_900_000_000
GB = 2**30


@pytest.fixture
def panel(installation, marzban):
    return make_panel(marzban)


@pytest.fixture
def make(marzban):
    """Make accounts on the panel as its owner did before the shop came."""

    def some(*wishes: dict) -> None:
        whole = [{"owner": "shop", "expire": END, "data_limit": 50 * GB, **each} for each in wishes]
        marzban.http.post(f"{marzban.address}/_emu/users", json=whole).raise_for_status()

    return some


def adopt(panel, *, is_preview: bool = False, **params) -> dict:
    job = adoption_jobs.start(
        panel.pk, params={"plan": "month", **params}, is_preview=is_preview, actor="olga"
    )
    jobs.run_due()
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.error
    return job.result


def rows_there(marzban) -> dict[str, dict]:
    """Return the panel's rows; of links the keys, as the panel picks a server name anew for each answer."""
    return {
        name: {**user, "subscription_url": "", "links": keys(user["links"])}
        for name, user in marzban.users().items()
    }


def keys(links: list[str]) -> list[str]:
    return [link.split("@")[0] for link in links]


def fates(result: dict) -> dict[str, str]:
    found = {line["name"]: line.get("why_not") or line["becomes"] for line in result["lines"]}
    return {name: str(Sentence(**sentence)) for name, sentence in found.items()}


def test_account_becomes_a_subscription_with_its_end_limit_name_and_keys(panel, make, marzban):
    make({"username": "anna", "note": "tg 700000123", "used_traffic": 7 * GB})
    before = rows_there(marzban)
    result = adopt(panel)
    assert (result["adopted"], result["by_telegram"], result["refused"]) == (1, 1, 0)
    subscription = Subscription.objects.get()
    assert subscription.user.telegram_id == 700000123 and subscription.plan.code == "month"
    assert int(subscription.expires_at.timestamp()) == END
    account = PanelAccount.objects.get()
    assert (account.name, account.used_bytes, account.access.traffic_limit) == ("anna", 7 * GB, 50 * GB)
    assert keys(account.links) == before["anna"]["links"] and not account.access.is_dirty
    grant = Grant.objects.get()
    assert (grant.source, grant.actor) == (f"adopt:{panel.pk}:anna", "olga")
    assert run_sync().drifted == 0 and reconciler.reconcile_due() == 0
    assert rows_there(marzban) == before and [c["call"] for c in marzban.calls() if "PUT" in c["call"]] == []


def test_traffic_that_came_along_comes_once_and_starts_anew_as_the_plan_says(panel, make):
    Plan.objects.filter(code="month").update(traffic_reset="monthly")
    make({"username": "anna", "note": "tg 700000123", "used_traffic": 7 * GB})
    adopt(panel)
    subscription = Subscription.objects.get()
    assert subscription.resets_at is not None and subscription.allowance_grant == Grant.objects.get()
    PanelAccount.objects.update(used_bytes=50 * GB)
    services.tell_near_limit()
    subscription.refresh_from_db()
    assert (subscription.told_percent, subscription.access.traffic_limit) == (100, 50 * GB)


def test_dry_run_says_the_same_and_changes_nothing(panel, make, marzban):
    make({"username": "anna", "note": "tg 700000123"}, {"username": "700000124"}, {"username": "boris"})
    shown = fates(adopt(panel, is_preview=True))
    assert not User.objects.exists() and not Access.objects.exists()
    assert shown == fates(adopt(panel))
    assert shown == {
        "anna": "Telegram 700000123",
        "700000124": "Telegram 700000124",
        "boris": "a customer without Telegram",
    }


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"username": "tg_700000123"}, "Telegram 700000123"),
        ({"username": "user700000123"}, "Telegram 700000123"),
        ({"username": "anna", "note": " 700000123 "}, "Telegram 700000123"),
        ({"username": "anna", "note": "Telegram ID: 700000123, pays cash"}, "Telegram 700000123"),
        ({"username": "anna", "note": "79161234567"}, "a customer without Telegram"),
        ({"username": "flat_12"}, "a customer without Telegram"),
        ({"username": "tg_700000123", "note": "tg 700000124"}, "it names two Telegram ids"),
        ({"username": "anna", "expire": 0}, "it has no end"),
        ({"username": "anna", "expire": 1_600_000_000}, "it ended long ago"),
        ({"username": "anna", "data_limit_reset_strategy": "month"}, "the panel starts it anew"),
        ({"username": "fedcba_" + "a" * 16}, "it belongs to another installation"),
        ({"username": "anna", "inbounds": {"vless": []}}, "it has no key that works"),
    ],
)
def test_rules_of_matching_and_what_is_refused(panel, make, marzban, wish, expected):
    make({**wish, "inbounds": {"vless": ["VLESS TCP REALITY"]}})
    if "inbounds" in wish:
        marzban.emu("POST", "panel", inbounds=[])
    before = rows_there(marzban)
    (fate,) = fates(adopt(panel)).values()
    assert expected in fate and rows_there(marzban) == before
    assert Subscription.objects.exists() == (fate.startswith("Telegram") or fate.startswith("a customer"))


def test_pattern_of_the_operator_replaces_our_rules(panel, make):
    make({"username": "client_77_700000123"})
    assert fates(adopt(panel, match=r"_(\d{9})$")) == {"client_77_700000123": "Telegram 700000123"}
    with pytest.raises(AdoptionUnfit):
        adopt(panel, match=r"_\d+$")


@pytest.mark.parametrize("number", ["9" * 16, "9" * 19, "9" * 30, "9" * 5000, "0"])
def test_number_that_is_no_telegram_id_is_not_taken_for_one(number):
    candidate = SimpleNamespace(telegram_id=None, note=f"client {number}", name="anna")
    assert adopting.telegram_id_of(candidate, re.compile(r"(\d+)")) is None


@pytest.mark.parametrize("number", [-1_001_234_567_890, 2**60, 2**70])  # a group's, and what nobody can be
def test_panel_s_own_field_with_no_telegram_id_in_it_says_nothing(number):
    candidate = SimpleNamespace(telegram_id=number, note="tg 700000123", name="anna")
    assert adopting.telegram_id_of(candidate, None) == 700000123


def test_pattern_that_finds_a_long_number_fails_no_adoption(panel, make):
    make({"username": "anna", "note": "paid by card 99999999999999999999"})
    assert fates(adopt(panel, match=r"(\d+)")) == {"anna": "a customer without Telegram"}


@pytest.mark.parametrize("mode", ["soft", "strict"])
def test_panel_counts_devices_from_the_first_day_where_the_plan_is_strict(installation, xui_clients, mode):
    Plan.objects.filter(code="month").update(device_mode=mode, devices=2)
    there = xui_clients
    panel = make_xui_panel(there)
    there.make_user("anna", tgId=700000123, expiryTime=END * 1000, totalGB=50 * GB, enable=True)
    adopt(panel)
    reconciler.reconcile_due()
    access = Access.objects.get()
    assert (access.enforces_devices, access.is_dirty) == (mode == "strict", False)
    assert there.users()["anna"]["client"]["limitIp"] == (2 if mode == "strict" else 0)


def test_expired_and_switched_off_accounts_stay_so(panel, make, marzban):
    recently = int((clock.now() - timedelta(days=3)).timestamp())
    make({"username": "old_one", "expire": recently}, {"username": "naughty", "status": "disabled"})
    marzban.emu("POST", "clock", advance=11)  # the panel looks every 10 s for what has ended
    marzban.users()
    before = rows_there(marzban)
    assert adopt(panel)["adopted"] == 2
    old, naughty = (Subscription.objects.get(access__accounts__name=name) for name in ("old_one", "naughty"))
    assert (old.state, old.is_disabled, naughty.state, naughty.is_disabled) == (
        "expired",
        False,
        "active",
        True,
    )
    assert run_sync().drifted == 0 and rows_there(marzban) == before


def test_accounts_without_an_end_get_the_days_they_are_given(panel, make, marzban):
    make({"username": "anna", "expire": 0})
    assert adopt(panel, endless_days=30)["adopted"] == 1
    reconciler.reconcile_due()
    end = Subscription.objects.get().expires_at
    assert marzban.users()["anna"]["expire"] == int(end.timestamp())
    assert timedelta(days=29) < end - clock.now() <= timedelta(days=30)


def test_adoption_may_be_repeated(panel, make):
    make({"username": "anna", "note": "tg 700000123"}, {"username": "boris"})
    adopt(panel)
    again = adopt(panel)
    assert (again["adopted"], again["refused"], again["known"]) == (0, 0, 2)
    assert (Subscription.objects.count(), User.objects.count(), Grant.objects.count()) == (2, 2, 2)


def test_adoption_cut_off_between_pages_goes_on(panel, make, monkeypatch):
    make(*({"username": f"customer_{number:03}"} for number in range(130)))
    monkeypatch.setattr(adoption_jobs, "STEP_SECONDS", 0.0)
    job = adoption_jobs.start(panel.pk, params={"plan": "month"}, is_preview=False, actor="olga")
    jobs.run_due(most_steps=1)
    job.refresh_from_db()
    assert (job.state, job.done, job.total) == ("running", 100, 130)
    jobs.run_due()
    job.refresh_from_db()
    assert job.result["adopted"] == 130 and Subscription.objects.count() == 130


def test_customers_of_the_shop_keep_what_they_hold(panel, make, marzban):
    customer = make_customer(telegram_id=700000123)
    make_subscription(customer)
    make({"username": "anna", "note": "tg 700000123"}, {"username": "boris", "note": "tg 700000124"})
    make({"username": "boris_2", "note": "tg 700000124"})
    shown = fates(adopt(panel, is_preview=True))
    assert "holds a subscription" in shown["anna"] and "comes first" in shown["boris_2"]
    done = fates(adopt(panel))
    assert "holds a subscription" in done["anna"] and "holds a subscription" in done["boris_2"]
    assert marzban.users()["anna"]["can_connect"]


def test_renewal_of_an_adopted_customer_keeps_the_key(panel, make, marzban):
    make({"username": "anna", "note": "tg 700000123"})
    adopt(panel)
    subscription = Subscription.objects.get()
    plan = Plan.objects.get(code="month")
    services.renew(subscription.pk, terms=services.terms_of(plan), source="order:1", actor="customer")
    before = keys(marzban.users()["anna"]["links"])
    reconciler.reconcile_due()
    user = marzban.users()["anna"]
    assert user["expire"] == END + plan.days * 86_400 and user["note"].endswith(
        f"access {subscription.access_id}"
    )
    assert keys(user["links"]) == before


def test_plan_that_would_move_them_away_is_refused(panel):
    panel.groups.clear()
    with pytest.raises(AdoptionUnfit):
        adopt(panel)


def test_language_of_an_adopted_customer_is_taken_from_their_first_word(panel, make):
    make({"username": "anna", "note": "tg 700000123"})
    adopt(panel)
    assert make_customer(telegram_id=700000123, language="ru").language == "ru"


@pytest.mark.parametrize("world", ["xui_clients", "xui_legacy"])
def test_client_of_3x_ui_is_known_by_the_panels_own_telegram_field(installation, request, world):
    there = request.getfixturevalue(world)
    panel = make_xui_panel(there)
    name = "anna-who-has-a-much-longer-name-than-ours@example.com"
    terms = {"expiryTime": END * 1000, "totalGB": 50 * GB, "enable": True}
    there.make_user(name, tgId=700000123, used_traffic=7 * GB, **terms)
    there.make_user("renews", reset=30, **terms)
    before = rows_there(there)
    there.forget_calls()
    shown = fates(adopt(panel))
    assert shown[name] == "Telegram 700000123" and "starts it anew by itself" in shown["renews"]
    account = PanelAccount.objects.get()
    assert (account.name, account.used_bytes) == (name, 7 * GB)
    assert run_sync().drifted == 0 and reconciler.reconcile_due() == 0
    assert rows_there(there) == before and {call["call"][:4] for call in there.calls()} <= {"GET ", "POST"}
    assert not [call["call"] for call in there.calls() if "update" in call["call"].lower()]


class TestLinkingToTelegram:
    @pytest.fixture
    def unlinked(self, panel, make) -> User:
        make({"username": "boris"})
        adopt(panel)
        return User.objects.get()

    def test_customer_without_telegram_gets_the_id(self, unlinked):
        adopting.link_to_telegram(unlinked.pk, telegram_id=700000124, actor="olga")
        assert make_customer(telegram_id=700000124).pk == unlinked.pk

    def test_person_who_came_to_the_bot_meanwhile_gets_the_subscription(self, unlinked):
        person = make_customer(telegram_id=700000124)
        adopting.link_to_telegram(unlinked.pk, telegram_id=700000124, actor="olga")
        subscription = Subscription.objects.select_related("access").get()
        assert (subscription.user, subscription.access.user) == (person, person)
        with pytest.raises(NotAdopted):
            adopting.link_to_telegram(unlinked.pk, telegram_id=700000125 - 1, actor="olga")

    def test_person_with_a_subscription_keeps_theirs(self, unlinked):
        make_subscription(make_customer(telegram_id=700000124))
        with pytest.raises(NotAdopted):
            adopting.link_to_telegram(unlinked.pk, telegram_id=700000124, actor="olga")


@pytest.mark.usefixtures("live_db")
def test_person_who_signs_up_while_staff_link_them_gets_the_subscription(installation):
    unlinked = make_subscription().user
    User.objects.update(telegram_id=None, username="adopted:1:boris")
    has_come = Event()

    def sign_up() -> int:
        try:
            with transaction.atomic():
                person = make_customer(telegram_id=700000124)
                has_come.set()
                time.sleep(0.2)  # staff do not see them yet, and wait for them
            return person.pk
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        person = threads.submit(sign_up)
        has_come.wait()
        assert (
            adopting.link_to_telegram(unlinked.pk, telegram_id=700000124, actor="olga").pk == person.result()
        )
    assert Subscription.objects.get().user_id == person.result()


class TestCommand:
    def test_dry_run_shows_who_would_become_what(self, panel, make):
        make({"username": "anna", "note": "tg 700000123"})
        out = StringIO()
        call_command("panels", "adopt", panel.name, "--plan", "month", "--dry-run", stdout=out)
        assert "anna: -> Telegram 700000123, until 2030-03-17, 50.0 GB" in out.getvalue()
        assert "1 would be taken over" in out.getvalue() and not Subscription.objects.exists()

    def test_refused_accounts_are_listed_and_ask_for_attention(self, panel, make):
        make({"username": "anna", "expire": 0})
        out = StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("panels", "adopt", panel.name, "--plan", "month", "--json", stdout=out)
        assert ended.value.code == 1 and '"ok": false' in out.getvalue() and "no end" in out.getvalue()

"""What staff edit: panels, plans with prices, staff, schedules, clean-up rules."""

from decimal import Decimal

import pytest
from django.db.models import F
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from accounts.models import AuditEvent, User
from backoffice.models import Staff
from billing.models import Price
from core.models import Job, RetentionRule
from subscriptions.models import Plan
from tests.backoffice.conftest import allow
from tests.factories import make_customer, make_staff, make_subscription, serve
from vpnpanel.models import Panel, PanelGroup
from vpnpanel.panel_form import PanelForm

pytestmark = pytest.mark.django_db

ADD_PANEL = "admin:vpnpanel_panel_add"


def change(row) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


@pytest.fixture
def panel_form() -> dict[str, object]:
    return {
        "name": "nl-1",
        "location": "Netherlands",
        "kind": "marzban",
        "base_url": "https://nl1.example.com:8000/",
        "username": "shop",
        "password": "a secret of the panel",
        "verify_tls": "on",
        "inbounds": "{}",
        "capacity": "100",
        "weight": "1",
        "monthly_cost": "0",
        "cost_currency": "RUB",
        "groups": [PanelGroup.objects.get(code="main").pk],
    }


@pytest.fixture
def panel(client, staff, panel_form) -> Panel:
    client.post(reverse(ADD_PANEL), panel_form)
    return Panel.objects.get()


def test_a_new_panel_is_kept_and_checked_by_a_job(panel):
    assert (panel.base_url, panel.password) == ("https://nl1.example.com:8000", "a secret of the panel")
    assert Job.objects.get(kind="panel_check", subject=str(panel.pk)).asked_by == "olga"
    assert AuditEvent.objects.get(action="panel.added").actor == "olga"


def test_the_password_of_a_panel_is_never_shown_again(client, panel):
    for address in (
        change(panel),
        reverse("admin:vpnpanel_panel_changelist"),
        reverse("admin:accounts_auditevent_changelist"),
    ):
        assert "a secret of the panel" not in client.get(address).content.decode()


def test_an_empty_password_keeps_the_one_we_have(client, panel, panel_form):
    client.post(change(panel), {**panel_form, "password": "", "location": "Amsterdam"})
    panel.refresh_from_db()
    assert (panel.location, panel.password) == ("Amsterdam", "a secret of the panel")


def test_a_new_password_replaces_the_old_one(client, panel, panel_form):
    client.post(change(panel), {**panel_form, "password": "another"})
    panel.refresh_from_db()
    assert panel.password == "another"
    assert "password" in AuditEvent.objects.get(action="panel.changed").data["fields"]


def test_staff_say_whether_a_panel_holds_what_syncs_find_and_what_it_costs(client, panel, panel_form):
    client.post(change(panel), {**panel_form, "holds_changes": "on", "monthly_cost": "9.90"})
    panel.refresh_from_db()
    assert panel.holds_changes and str(panel.monthly_cost) == "9.90"


def test_what_happens_to_a_panel_while_its_form_is_saved_stays(client, panel, panel_form, monkeypatch):
    def clean(form):
        Panel.objects.update(load=F("load") + 1, is_up=False)
        return checked(form)

    checked = PanelForm.clean
    monkeypatch.setattr(PanelForm, "clean", clean)
    client.post(change(panel), {**panel_form, "location": "Amsterdam"})
    panel.refresh_from_db()
    assert (panel.location, panel.load, panel.is_up) == ("Amsterdam", 1, False)


def test_a_new_panel_needs_a_password(client, staff, panel_form):
    page = client.post(reverse(ADD_PANEL), {**panel_form, "password": ""})
    assert page.context["adminform"].form.errors.keys() == {"password"}
    assert not Panel.objects.exists()


def test_asking_for_a_sync_twice_starts_one_job(client, panel):
    act = reverse("admin:vpnpanel_panel_act", args=[panel.pk, "sync"])
    for _ in range(2):
        client.post(act)
    assert Job.objects.filter(kind="panel_sync", subject=str(panel.pk)).count() == 1


def test_the_page_of_a_panel_shows_its_jobs_and_accounts(client, staff):
    account = serve(make_subscription(make_customer(first_name="Boris")))
    Job.objects.create(kind="panel_sync", subject=str(account.panel_id), asked_by="olga", done=3, total=9)
    shown = client.get(change(account.panel)).content.decode()
    assert account.name in shown and "Boris" in shown and "3 / 9" in shown


def test_a_running_job_refreshes_its_page_and_a_finished_one_does_not(client, staff):
    job = Job.objects.create(kind="panel_sync", subject="1", asked_by="olga", state=Job.State.RUNNING)
    assert "every 2s" in client.get(change(job)).content.decode()
    Job.objects.update(state=Job.State.DONE)
    assert "every 2s" not in client.get(change(job)).content.decode()


def test_a_price_is_changed_on_the_page_of_its_plan(client, staff):
    plan, price = Plan.objects.get(code="month"), Price.objects.get(plan__code="month")
    fields = {
        name: getattr(plan, name) for name in ("code", "name_en", "name_ru", "about_en", "about_ru", "days")
    }
    fields |= plan.conditions | {
        "traffic_limit": 0,
        "devices": 0,
        "position": 10,
        "is_open": "on",
        "groups": [1],
    }
    inline = {
        "prices-TOTAL_FORMS": 1,
        "prices-INITIAL_FORMS": 1,
        "prices-0-id": price.pk,
        "prices-0-plan": plan.pk,
    }
    client.post(change(plan), fields | inline | {"prices-0-currency": "RUB", "prices-0-amount": "349"})
    price.refresh_from_db()
    assert price.amount == Decimal("349")
    assert "349" in str(AuditEvent.objects.get(action="plan.changed").data)


def test_days_beyond_the_calendar_are_refused(client, staff):
    plan = Plan.objects.get(code="year")
    page = client.post(change(plan), {"days": 999_999_999})
    assert page.context["adminform"].form.errors["days"]


def test_traffic_is_entered_in_gigabytes(client, staff):
    plan = Plan.objects.get(code="trial")
    fields = {
        name: getattr(plan, name) for name in ("code", "name_en", "name_ru", "about_en", "about_ru", "days")
    }
    fields |= {
        **plan.conditions,
        "traffic_limit": "1.5",
        "devices": 0,
        "position": 0,
        "is_open": "on",
        "is_trial": "on",
        "groups": [1],
    }
    client.post(change(plan), fields | {"prices-TOTAL_FORMS": 0, "prices-INITIAL_FORMS": 0})
    plan.refresh_from_db()
    assert plan.traffic_limit == 3 * 2**29
    assert 'value="1.5"' in client.get(change(plan)).content.decode()


def test_plans_are_kept_because_subscriptions_refer_to_them(client, staff):
    delete = reverse("admin:subscriptions_plan_delete", args=[Plan.objects.get(code="month").pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403


def test_a_schedule_is_switched_off(client, staff):
    task = PeriodicTask.objects.get(name="panels: figures")
    form = client.get(change(task)).context["adminform"].form
    fields = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
    client.post(change(task), {key: value for key, value in fields.items() if key != "enabled"})
    task.refresh_from_db()
    assert not task.enabled


def test_how_long_rows_are_kept_is_staffs_to_say(client, staff):
    rule = RetentionRule.objects.get(key="full syncs")
    client.post(change(rule), {"days": 30})
    rule.refresh_from_db()
    assert rule.days == 30


def test_new_staff_may_sign_in_and_nothing_else(client, staff):
    password = "correct horse battery"
    fields = {"username": "petra", "password1": password, "password2": password}
    client.post(reverse("admin:backoffice_staff_add"), fields)
    petra = Staff.objects.get(username="petra")
    assert petra.is_staff and not petra.is_superuser and petra.check_password(password)
    assert AuditEvent.objects.get(action="staff.added").actor == "olga"


def test_a_password_of_staff_is_changed_on_a_page_of_its_own(client, staff):
    petra = make_staff("petra")
    address = reverse("admin:backoffice_staff_change", args=[petra.pk]).replace("change", "password")
    assert client.get(address).status_code == 200
    client.post(address, {"password1": "a very new password", "password2": "a very new password"})
    petra.refresh_from_db()
    assert petra.check_password("a very new password")


def test_nobody_hands_powers_to_themselves(client, helper):
    allow(helper, "change_staff", "view_staff")
    row = Staff.objects.get(pk=helper.pk)
    client.post(
        change(row),
        {"username": "ivan", "language": "en", "is_staff": "on", "is_active": "on", "is_superuser": "on"},
    )
    helper.refresh_from_db()
    assert not helper.is_superuser


def test_a_superuser_is_changed_by_superusers_only(client, helper):
    allow(helper, "change_staff", "view_staff")
    chief = Staff.objects.get(pk=make_staff("olga").pk)
    address = change(chief).replace("change", "password")
    client.post(address, {"password1": "stolen stolen stolen", "password2": "stolen stolen stolen"})
    chief.refresh_from_db()
    assert chief.check_password("a long password")
    assert client.post(change(chief), {"username": "mine"}).status_code == 403


def test_signing_in_leads_home(client, db):
    make_staff("olga")
    answer = client.post(reverse("admin:login"), {"username": "olga", "password": "a long password"})
    assert answer.url == reverse("admin:index")
    assert User.objects.get(username="olga").last_login is not None

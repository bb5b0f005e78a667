"""What staff do to rows: shown, confirmed, done once, by those who may, with their name in the trail."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent
from core import clock
from core.models import Job
from notifications.models import OutboxMessage
from subscriptions.models import Grant
from telegram_bot.models import Update
from tests.backoffice.conftest import allow, live
from tests.factories import make_staff
from vpnpanel.models import Panel

pytestmark = pytest.mark.django_db


def act(row, name: str) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_act", args=[row.pk, name])


def given_by_staff(subscription):
    return Grant.objects.filter(subscription=subscription, source__startswith="staff:")


@pytest.fixture
def form() -> dict[str, object]:
    return {"days": 7, "reason": "the panel was down", "form_uuid": str(uuid.uuid4())}


def test_extending_shows_the_old_and_the_new_end_before_anything_happens(client, staff, life, form):
    page = client.post(act(life.subscription, "extend"), form)
    (change,) = page.context["changes"]
    assert change.before != change.after
    assert not given_by_staff(life.subscription).exists()


def test_extending_gives_the_days_in_the_name_of_who_asked(client, staff, life, form):
    before = life.subscription.expires_at
    client.post(act(life.subscription, "extend"), {**form, "confirm": "1"})
    life.subscription.refresh_from_db()
    assert life.subscription.expires_at == before + timedelta(days=7)
    assert given_by_staff(life.subscription).get().actor == "olga"


def test_a_form_sent_twice_extends_once(client, staff, life, form):
    for _ in range(2):
        client.post(act(life.subscription, "extend"), {**form, "confirm": "1"})
    assert given_by_staff(life.subscription).count() == 1


def test_a_form_that_was_used_refuses_other_days_instead_of_saying_they_were_given(client, staff, life, form):
    client.post(act(life.subscription, "extend"), {**form, "confirm": "1"})
    page = client.post(act(life.subscription, "extend"), {**form, "days": 30, "confirm": "1"})
    assert "gave 7 days already" in page.content.decode()
    assert given_by_staff(life.subscription).get().seconds == 7 * 86_400


def test_the_confirmation_carries_the_number_of_the_form_it_came_from(client, staff, life, form):
    first = client.get(act(life.subscription, "extend")).context["form"]["form_uuid"].value()
    page = client.post(act(life.subscription, "extend"), {**form, "form_uuid": first})
    assert f'value="{first}"' in page.content.decode()


@pytest.mark.parametrize("wrong", [{"days": 0}, {"days": 4000}, {"reason": ""}, {"form_uuid": "x"}])
def test_a_wrong_form_is_shown_again_and_does_nothing(client, staff, life, form, wrong):
    page = client.post(act(life.subscription, "extend"), {**form, **wrong, "confirm": "1"})
    assert page.status_code == 200
    assert page.context["form"].errors
    assert not given_by_staff(life.subscription).exists()


def test_looking_at_an_act_never_does_it(client, staff, life):
    for name in ("extend", "reconcile", "rotate-link", "disable"):
        token = life.subscription.token
        assert client.get(act(life.subscription, name)).status_code == 200
        life.subscription.refresh_from_db()
        assert (life.subscription.token, life.subscription.is_disabled) == (token, False)


def test_acts_are_refused_without_the_permission(client, helper, life, form):
    allow(helper, "view_subscription", "view_user")
    for name in ("extend", "reconcile", "rotate-link", "disable"):
        assert client.post(act(life.subscription, name), {**form, "confirm": "1"}).status_code == 403
    assert client.post(act(life.customer, "ban"), {"reason": "x", "confirm": "1"}).status_code == 403
    life.customer.refresh_from_db()
    assert not life.customer.is_banned


def test_the_permission_to_change_subscriptions_is_enough_to_extend(client, helper, life, form):
    allow(helper, "change_subscription", "view_subscription")
    client.post(act(life.subscription, "extend"), {**form, "confirm": "1"})
    assert given_by_staff(life.subscription).get().actor == "ivan"


def test_disabling_and_enabling(client, staff, life):
    client.post(act(life.subscription, "disable"), {"reason": "shared the link", "confirm": "1"})
    life.subscription.refresh_from_db()
    assert life.subscription.disabled_reason == "shared the link"
    client.post(act(life.subscription, "enable"), {"confirm": "1"})
    life.subscription.refresh_from_db()
    assert not life.subscription.is_disabled


def test_a_new_link_replaces_the_old_one(client, staff, life):
    old = life.subscription.token
    client.post(act(life.subscription, "rotate-link"), {"what": "link", "confirm": "1"})
    life.subscription.refresh_from_db()
    assert life.subscription.token != old and life.subscription.access.key_epoch == 0


def test_a_new_link_with_new_keys_is_asked_for(client, staff, life):
    client.post(act(life.subscription, "rotate-link"), {"what": "keys", "confirm": "1"})
    life.subscription.access.refresh_from_db()
    assert life.subscription.access.key_epoch == 1 and life.subscription.access.is_dirty


def test_reconciling_marks_the_access_at_the_first_press(client, staff, life):
    client.post(act(life.subscription, "reconcile"))
    life.subscription.access.refresh_from_db()
    assert life.subscription.access.is_dirty


def test_a_ban_and_its_end_stand_in_the_trail(client, staff, life):
    client.post(act(life.customer, "ban"), {"reason": "fraud", "confirm": "1"})
    client.post(act(life.customer, "unban"), {"confirm": "1"})
    lines = AuditEvent.objects.filter(customer=life.customer, actor="olga").order_by("id")
    assert list(lines.values_list("action", flat=True)) == ["customer.banned", "customer.unbanned"]


def test_after_an_act_one_is_back_where_one_came_from_but_never_elsewhere(client, staff, life):
    page = reverse("admin:accounts_user_change", args=[life.customer.pk])
    there = client.post(act(life.subscription, "reconcile"), {"next": page})
    assert there.url == page
    lured = client.post(act(life.subscription, "reconcile"), {"next": "https://evil.example/"})
    assert lured.url == reverse("admin:subscriptions_subscription_change", args=[life.subscription.pk])


def test_what_a_verb_refuses_is_said(client, staff, life, form):
    taken = live().subscription
    client.post(act(taken, "extend"), {**form, "confirm": "1"})
    page = client.post(act(life.subscription, "extend"), {**form, "confirm": "1"})
    assert "paid for subscription" in page.content.decode()
    assert not given_by_staff(life.subscription).exists()


def test_a_failed_message_goes_out_again(client, staff):
    message = live(state=OutboxMessage.State.FAILED, attempts=10).message
    client.post(act(message, "send-again"))
    message.refresh_from_db()
    assert (message.state, message.attempts) == (OutboxMessage.State.PENDING, 0)


def test_a_sent_message_is_not_sent_again(client, staff, life):
    client.post(act(life.message, "send-again"))
    life.message.refresh_from_db()
    assert life.message.state == OutboxMessage.State.SENT


def test_chosen_messages_go_out_again(client, staff):
    failed = [live(state=OutboxMessage.State.FAILED).message.pk for _ in range(2)]
    address = reverse("admin:notifications_outboxmessage_changelist")
    client.post(address, {"action": "send_all_again", "_selected_action": failed})
    assert OutboxMessage.objects.filter(pk__in=failed, state=OutboxMessage.State.PENDING).count() == 2


def test_choosing_messages_needs_the_permission_too(client, helper):
    allow(helper, "view_outboxmessage")
    failed = live(state=OutboxMessage.State.FAILED).message
    address = reverse("admin:notifications_outboxmessage_changelist")
    client.post(address, {"action": "send_all_again", "_selected_action": [failed.pk]})
    failed.refresh_from_db()
    assert failed.state == OutboxMessage.State.FAILED


def test_a_dead_update_is_worked_on_again(client, staff, life):
    Update.objects.filter(pk=life.update.pk).update(state=Update.State.DEAD, attempts=9)
    client.post(act(life.update, "work-again"))
    life.update.refresh_from_db()
    assert (life.update.state, life.update.attempts) == (Update.State.RECEIVED, 0)


def test_a_job_is_cancelled(client, staff):
    job = Job.objects.create(kind="panel_sync", subject="1", asked_by="olga")
    client.post(act(job, "cancel"), {"confirm": "1"})
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED


def test_an_act_of_a_row_that_is_not_there_is_not_found(client, staff, life):
    missing = reverse("admin:subscriptions_subscription_act", args=[10**6, "extend"])
    assert client.get(missing).status_code == 404
    assert client.get(act(life.subscription, "explode")).status_code == 404


@pytest.mark.parametrize("number", ["²", "x", "9" * 30])
def test_a_panel_that_cannot_be_is_not_found(client, staff, number):
    page = client.get(reverse("admin:vpnpanel_panel_change", args=[number]))
    assert page.status_code == 302


def test_acts_need_the_token_against_forgery(life):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make_staff("petra"))
    assert strict.post(act(life.subscription, "reconcile")).status_code == 403


def test_history_is_neither_added_nor_changed_nor_deleted(client, staff, life):
    base = reverse("admin:subscriptions_subscription_change", args=[life.subscription.pk])
    assert client.post(base, {"state": "expired"}).status_code == 403
    assert client.post(base.replace("change", "delete"), {"post": "yes"}).status_code == 403
    life.subscription.refresh_from_db()
    assert life.subscription.is_live(clock.now())


def test_panels_are_turned_by_verbs_after_a_confirmation(client, staff, life):
    panel = Panel.objects.get()
    client.post(act(panel, "close"))
    panel.refresh_from_db()
    assert panel.state == Panel.State.OPEN
    client.post(act(panel, "close"), {"confirm": "1"})
    panel.refresh_from_db()
    assert panel.state == Panel.State.CLOSED

"""Outages of panels: who was concerned, what they are told and given, and that each happens once."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import clock, jobs
from core.clock import DAY
from core.models import Job
from notifications import services as outbox
from notifications.models import OutboxMessage
from subscriptions import services
from subscriptions.errors import OutageSettled
from subscriptions.models import Grant, Subscription, TakeBack
from subscriptions.services.holds import ban_customer, disable
from tests.factories import let_pass, make_customer, make_staff, make_subscription, serve
from vpnpanel.models import Outage, Panel, PanelAccount, PanelGroup, PanelRules
from vpnpanel.services import outages

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def panel(installation) -> Panel:
    panel = Panel.objects.create(name="nl-1", base_url="http://127.0.0.1:9", location="Amsterdam")
    panel.groups.add(PanelGroup.objects.get(code="main"))
    return panel


def placed(
    panel: Panel, subscription: Subscription | None = None, *, since=10 * DAY, until=None
) -> Subscription:
    """Return a subscription with an account on the panel, made `since` ago and removed `until` ago."""
    subscription = subscription or make_subscription(make_customer())
    account = serve(subscription)
    now = clock.now()
    PanelAccount.objects.filter(pk=account.pk).update(
        panel=panel, joined_at=now - since, serving_at=now - since, gone_at=now - until if until else None
    )
    return subscription


def away(panel: Panel, *, began=2 * HOUR, ended=HOUR) -> Outage:
    """Let the panel have been away, from `began` ago to `ended` ago (None: it still is)."""
    now = clock.now()
    return Outage.objects.create(
        panel=panel, began_at=now - began, ended_at=None if ended is None else now - ended, alerted_at=now
    )


def concerned(outage: Outage) -> set[int]:
    found = outages.affected_by(outage, now=clock.now())
    return set(Subscription.objects.filter(access__in=found).values_list("pk", flat=True))


def said(kind: str) -> list[OutboxMessage]:
    return list(OutboxMessage.objects.filter(kind=kind))


def told(kind: str) -> list[int]:
    rows = OutboxMessage.objects.filter(kind=kind)
    return sorted(row.context["subscription_id"] for row in rows)


def test_a_panel_nobody_was_ever_placed_on_has_no_outage(panel):
    outages.mark_down(panel.pk, "the panel refuses our administrator's name or password")
    assert not Panel.objects.get().is_up and not Outage.objects.exists()


class TestTheRow:
    @pytest.fixture(autouse=True)
    def customer(self, panel):
        placed(panel)

    def test_an_outage_is_one_row_from_the_first_failure_to_the_return(self, panel):
        outages.mark_down(panel.pk, "no route")
        outages.mark_down(panel.pk, "timed out")
        outage = Outage.objects.get()
        assert str(outage.error) == "no route" and outage.ended_at is None
        panel.refresh_from_db()
        outages.mark_up(panel)
        outages.mark_up(panel)
        assert Outage.objects.get().ended_at is not None

    def test_a_panel_that_was_down_before_outages_were_kept_gets_its_row(self, panel):
        Panel.objects.update(is_up=False)
        outages.mark_down(panel.pk, "no route")
        outages.mark_down(panel.pk, "no route")
        assert Outage.objects.get().ended_at is None

    def test_a_panel_back_for_a_moment_goes_on_with_the_same_outage(self, panel):
        for _ in range(3):
            outages.mark_down(panel.pk, "flaps")
            outages.mark_up(panel)
        outages.mark_down(panel.pk, "flaps")
        assert Outage.objects.get().ended_at is None

    def test_an_outage_that_staff_dealt_with_is_over(self, panel):
        outages.mark_down(panel.pk, "first")
        outages.mark_up(panel)
        services.credit_affected(Outage.objects.get().pk, days=1, reason="sorry", actor="olga")
        outages.mark_down(panel.pk, "second")
        assert Outage.objects.count() == 2

    def test_staff_hear_of_it_once_and_only_while_it_lasts(self, panel):
        person = make_staff(telegram_id=5)
        PanelRules.objects.create(alert_after_minutes=30)
        outage = away(panel, began=timedelta(minutes=29), ended=None)
        Outage.objects.update(alerted_at=None)
        assert outages.alert_outages() == 0
        Outage.objects.update(began_at=clock.now() - timedelta(minutes=31))
        assert (outages.alert_outages(), outages.alert_outages()) == (1, 0)
        message = OutboxMessage.objects.get(user=person)
        shown = outbox.render(message)
        assert shown and "nl-1" in shown.text and f"/outage/{outage.pk}/" in shown.text
        Outage.objects.update(ended_at=clock.now())
        assert outbox.render(message) is None

    def test_a_panel_switched_off_alarms_nobody(self, panel):
        away(panel, ended=None)
        Outage.objects.update(alerted_at=None)
        Panel.objects.update(state=Panel.State.OFF)
        assert outages.alert_outages() == 0


class TestWhoIsConcerned:
    def test_who_had_their_only_account_there_meanwhile(self, panel):
        here = placed(panel)
        placed(panel, since=HOUR / 2)  # came after it
        placed(panel, since=9 * HOUR, until=3 * HOUR)  # left before it
        left_meanwhile = placed(panel, since=9 * HOUR, until=timedelta(minutes=90))
        assert concerned(away(panel)) == {here.pk, left_meanwhile.pk}

    def test_who_was_served_elsewhere_all_the_while_is_not(self, panel):
        other = Panel.objects.create(name="de-1", base_url="http://127.0.0.1:10")
        on_both = placed(panel)
        placed(other, on_both)
        outage = away(panel)
        assert concerned(outage) == set()
        away(other, began=90 * timedelta(minutes=1), ended=80 * timedelta(minutes=1))
        assert concerned(outage) == {on_both.pk}

    def test_who_was_moved_away_during_it_is(self, panel):
        other = Panel.objects.create(name="de-1", base_url="http://127.0.0.1:10")
        moved = placed(panel, since=9 * HOUR, until=timedelta(minutes=90))
        placed(other, moved, since=timedelta(minutes=90))
        assert concerned(away(panel)) == {moved.pk}

    def test_whose_time_was_over_or_who_was_held_back_is_not(self, panel):
        ended = placed(panel)
        let_pass(ended, days=8)
        stopped = placed(panel)
        disable(stopped.pk, reason="abuse", actor="olga")
        assert concerned(away(panel)) == set()

    def test_whose_time_ended_meanwhile_is(self, panel):
        subscription = placed(panel)
        let_pass(subscription, days=7, seconds=90 * 60)
        assert concerned(away(panel)) == {subscription.pk}


class TestActs:
    def test_everybody_concerned_is_told_once(self, panel):
        those = [placed(panel).pk for _ in range(3)]
        outage = away(panel)
        services.tell_affected(outage.pk, actor="olga")
        jobs.run_due()
        Job.objects.update(state=Job.State.QUEUED, cursor=None)  # a step that was cut off is done again
        jobs.run_due()
        assert told("outage_told") == those
        with pytest.raises(OutageSettled):
            services.tell_affected(outage.pk, actor="olga")

    def test_what_they_read_depends_on_whether_it_lasts(self, panel):
        placed(panel)
        outage = away(panel, ended=None)
        services.tell_affected(outage.pk, actor="olga")
        jobs.run_due()
        message = OutboxMessage.objects.get(kind="outage_told")
        assert "There is trouble with the VPN (Amsterdam)" in outbox.render(message).text
        Outage.objects.update(ended_at=clock.now())
        assert "The VPN works again (Amsterdam)" in outbox.render(message).text
        ban_customer(message.user_id, reason="abuse", actor="olga")
        message.user.refresh_from_db()
        assert outbox.render(message) is None

    def test_who_heard_of_trouble_hears_that_it_is_over_once_the_panel_stayed_back(self, panel):
        heard, late = placed(panel), placed(panel)
        outage = away(panel, ended=None)
        services.tell_affected(outage.pk, actor="olga")
        jobs.run_due()
        hour_ago = clock.now() - HOUR
        OutboxMessage.objects.filter(context__subscription_id=heard.pk).update(sent_at=hour_ago)
        Outage.objects.update(told_at=hour_ago)
        assert services.tell_recovered() == 0  # it lasts
        Outage.objects.update(ended_at=clock.now() - timedelta(minutes=1))
        assert services.tell_recovered() == 0  # it may be away again in a moment
        Outage.objects.update(ended_at=clock.now() - timedelta(minutes=3))
        assert (services.tell_recovered(), services.tell_recovered()) == (1, 0)
        jobs.run_due()
        assert told("outage_over") == [heard.pk, late.pk]
        shown = {row.context["subscription_id"]: outbox.render(row) for row in said("outage_over")}
        assert "works again (Amsterdam)" in shown[heard.pk].text
        assert shown[late.pk] is None  # what they read first told of the end

    def test_who_was_told_when_all_was_over_hears_nothing_more(self, panel):
        placed(panel)
        services.tell_affected(away(panel).pk, actor="olga")
        assert services.tell_recovered() == 0

    def test_days_are_given_once_each_whatever_is_repeated(self, panel):
        subscriptions = [placed(panel) for _ in range(3)]
        ends = {each.pk: each.expires_at for each in subscriptions}
        outage = away(panel)
        services.credit_affected(outage.pk, days=2, reason="sorry", actor="olga")
        jobs.run_due()
        Job.objects.update(state=Job.State.QUEUED, cursor=None)
        jobs.run_due()
        now = {each.pk: each.expires_at for each in Subscription.objects.all()}
        assert now == {key: end + 2 * DAY for key, end in ends.items()}
        assert told("outage_credited") == sorted(ends)
        with pytest.raises(OutageSettled):
            services.credit_affected(outage.pk, days=5, reason="again", actor="olga")

    def test_undoing_takes_what_is_unused_and_says_so(self, panel):
        fresh, nearly_over, over = (placed(panel) for _ in range(3))
        outage = away(panel)
        services.credit_affected(outage.pk, days=2, reason="sorry", actor="olga")
        jobs.run_due()
        let_pass(nearly_over, days=8)  # a day of the two is used
        let_pass(over, days=10)
        services.undo_credit(outage.pk, actor="olga")
        jobs.run_due()
        taken = dict(TakeBack.objects.values_list("grant__subscription", "seconds"))
        assert taken[fresh.pk] == 2 * 86_400
        assert 86_400 - 120 < taken[nearly_over.pk] <= 86_400
        assert taken.get(over.pk, 0) == 0
        assert told("outage_credit_undone") == sorted([fresh.pk, nearly_over.pk])
        with pytest.raises(OutageSettled):
            services.undo_credit(outage.pk, actor="olga")

    def test_days_taken_back_while_they_are_given_reach_nobody_later(self, panel):
        subscription = placed(panel)
        outage = away(panel)
        job = services.credit_affected(outage.pk, days=2, reason="sorry", actor="olga")
        services.undo_credit(outage.pk, actor="olga")
        Job.objects.filter(pk=job.pk).update(state=Job.State.QUEUED)  # its step was under way
        jobs.run_due()
        assert not Grant.objects.filter(source__startswith="outage:").exists()
        end = subscription.expires_at
        subscription.refresh_from_db()
        assert subscription.expires_at == end

    @pytest.mark.parametrize("days, reason", [(0, "sorry"), (61, "sorry"), (1, "  ")])
    def test_unfit_values_are_refused(self, panel, days, reason):
        with pytest.raises(ValueError):
            services.credit_affected(away(panel).pk, days=days, reason=reason, actor="olga")

    def test_finding_those_concerned_costs_the_same_with_more_of_them(self, panel):
        outage = away(panel)
        counts = []
        for _ in range(2):
            for _ in range(4):
                placed(panel)
            services.count_affected(outage)
            with CaptureQueriesContext(
                connection,
            ) as asked:
                services.count_affected(outage)
            counts.append(len(asked))
        assert counts == [1, 1]

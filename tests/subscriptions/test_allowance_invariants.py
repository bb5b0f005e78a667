"""Whatever is bought, used, taken back and given back in whatever order, no paid traffic vanishes."""

from dataclasses import replace

from django.db.models import Sum
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core import clock
from subscriptions import services, tasks
from subscriptions.models import Grant, Plan, Subscription, TakeBack
from tests.factories import let_pass, make_customer, serve
from vpnpanel.models import PanelAccount

DAY = 86_400
GIB = 2**30

conditions = st.fixed_dictionaries(
    {"traffic_reset": st.sampled_from(["renewal", "monthly", "never"]), "carries_over": st.booleans()}
)
sizes = st.integers(1, 50)
spans = st.integers(1, 60)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("renew"), st.tuples(sizes, st.integers(5, 90), conditions)),
        st.tuples(st.just("give"), sizes),
        st.tuples(st.just("use"), st.integers(1, 60)),
        st.tuples(st.just("wait"), st.integers(1, 40)),
        st.tuples(st.just("limit_and_lift"), st.integers(0, 60)),
        st.tuples(
            st.just("take_and_give_back"), st.tuples(st.integers(0, 5), st.none() | st.integers(1, 60))
        ),
    ),
    max_size=9,
)
LAPSES = {"traffic_reset": "monthly", "carries_over": False}
STAYS = {"traffic_reset": "never", "carries_over": False}
PULLED = [("renew", (50, 30, LAPSES)), ("use", 10), ("wait", 1), ("wait", 29)]
LIMITED = [("renew", (50, 30, STAYS)), ("give", 5), ("use", 20), ("limit_and_lift", 15)]
RETURNED = [("renew", (50, 30, LAPSES)), ("take_and_give_back", (0, 5)), ("wait", 35)]


class AllowanceTest(TestCase):
    @settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate], print_blob=False)
    @given(first=st.tuples(sizes, st.integers(5, 90), conditions), steps=steps)
    @example(first=(10, 90, LAPSES), steps=PULLED)
    @example(first=(10, 30, LAPSES), steps=RETURNED)
    @example(first=(10, 90, STAYS), steps=LIMITED)
    @example(first=(10, 30, STAYS), steps=[("renew", (50, 30, LAPSES)), ("wait", 31), ("wait", 31)])
    def test_no_traffic_vanishes(self, first, steps):
        subscription = services.start(
            make_customer().pk, terms=self.terms(*first), source="order:0", actor="test"
        )
        serve(subscription)
        for action, value in steps:
            getattr(self, action)(subscription, value)
            self.check(subscription)

    def terms(self, size, days, kept):
        plan = services.terms_of(Plan.objects.get(code="month"))
        return replace(plan, traffic_limit=size * GIB, days=days, conditions=plan.conditions | kept)

    def renew(self, subscription, value):
        """What is bought is there, or waits; nothing of what was there goes while it runs."""
        before, was_live = self.left(subscription), self.is_live(subscription)
        waiting = self.waiting(subscription)
        order = {"terms": self.terms(*value), "source": f"order:{Grant.objects.count()}", "actor": "test"}
        self.twice(subscription, lambda: services.renew(subscription.pk, **order))
        if was_live:
            total = self.left(subscription) + self.waiting(subscription)
            assert total == before + waiting + value[0] * GIB
        else:
            assert self.left(subscription) >= value[0] * GIB

    def give(self, subscription, size):
        before = self.left(subscription)
        gift = {"source": f"staff:{Grant.objects.count()}", "traffic": size * GIB, "actor": "test"}
        self.twice(subscription, lambda: services.give(subscription.pk, seconds=0, **gift))
        assert self.left(subscription) == before + size * GIB

    def use(self, subscription, size):
        """Whoever has used everything up gets what waits."""
        account = PanelAccount.objects.get(access=subscription.access_id)
        account.used_bytes += min(size * GIB, max(self.left(subscription), 1))
        account.save()
        tasks.follow_traffic()
        if self.is_live(subscription):
            assert self.left(subscription) or not self.waiting(subscription)

    def wait(self, subscription, days):
        """What was given, or bought to stay, is there after whatever lapsed."""
        before, extra = self.left(subscription), Subscription.objects.get(pk=subscription.pk).allowance_extra
        let_pass(subscription, days=days)
        services.expire_due()
        tasks.follow_traffic()
        if all(grant.keeps_traffic for grant in subscription.grants.all()):
            assert self.left(subscription) >= before
        if self.is_live(subscription):
            assert self.left(subscription) >= min(before, extra) - self.own_shares(subscription)

    def take_and_give_back(self, subscription, value):
        """What a refund took and gave back is there as before, unless what runs changed meanwhile."""
        number, days = value
        grants = list(subscription.grants.filter(plan__isnull=False).order_by("pk"))
        grant = grants[number % len(grants)]
        before = self.left(subscription) + self.waiting(subscription)
        by = f"refund:{subscription.grants.count()}:{self.takings(subscription)}"
        seconds = None if days is None else days * DAY
        said = {"by": by, "actor": "test", "reason": "test"}
        taking = {"source": grant.source, "seconds": seconds, **said}
        self.twice(subscription, lambda: services.take_back(**taking))
        self.check(subscription)
        self.twice(subscription, lambda: services.give_back(**said))
        assert self.left(subscription) + self.waiting(subscription) >= before - 9  # bytes: parts are rounded

    def limit_and_lift(self, subscription, size):
        """A limit of staff's own leaves no trace in what was bought and given."""
        before = self.left(subscription) + self.waiting(subscription)
        for limit in (size * GIB, None):
            change = {"limit": limit, "reason": "test", "actor": "test"}
            self.twice(subscription, lambda change=change: services.change_limit(subscription.pk, **change))
        assert self.left(subscription) + self.waiting(subscription) == before

    def twice(self, subscription, verb):
        """Whatever is told again changes nothing more."""
        verb()
        before = self.everything(subscription)
        verb()
        assert self.everything(subscription) == before

    def everything(self, subscription):
        rows = Subscription.objects.filter(pk=subscription.pk)
        return rows.values(*Subscription.ALLOWANCE, "expires_at", "access__generation").get()

    def check(self, subscription):
        row = Subscription.objects.select_related("access").get(pk=subscription.pk)
        assert row.access.traffic_limit > 0, "a limit never becomes none by itself"
        assert row.allowance_from <= self.used(subscription)
        assert row.resets_at is None or row.resets_at < row.expires_at

    def is_live(self, subscription) -> bool:
        return Subscription.objects.get(pk=subscription.pk).is_live(clock.now())

    def own_shares(self, subscription) -> int:
        """What came before its time is kept apart only until that is over."""
        began = subscription.grants.filter(plan__isnull=False, began_at__isnull=False)
        return began.aggregate(total=Sum("traffic"))["total"]

    def takings(self, subscription) -> int:
        return TakeBack.objects.filter(grant__subscription=subscription).count()

    def used(self, subscription) -> int:
        return PanelAccount.objects.get(access=subscription.access_id).used_bytes

    def limit(self, subscription) -> int:
        return Subscription.objects.select_related("access").get(pk=subscription.pk).access.traffic_limit

    def left(self, subscription) -> int:
        return max(self.limit(subscription) - self.used(subscription), 0)

    def waiting(self, subscription) -> int:
        """What of the grants has not come yet, less what was taken of it."""
        waiting = Grant.objects.filter(subscription=subscription, plan__isnull=False, began_at__isnull=True)
        return sum(
            grant.traffic
            - (grant.take_backs.filter(state="taken").aggregate(total=Sum("traffic"))["total"] or 0)
            for grant in waiting
        )

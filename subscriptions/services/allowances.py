"""How much traffic a subscription may use, and when it starts anew.

The grants behind an end form a queue (see `queue`), and traffic follows it: what a grant brings starts with
its own time, and the conditions of the grant whose time runs say what becomes of what is left. Sooner, with
the purchase, comes what a plan says adds up, and what was bought after a trial; and whoever has used
everything up gets the next one that waits at once.

The limit of an access counts all bytes that ever flowed, so a new start moves it and touches no counter.

While a limit of staff's own counts, what the plans would allow is kept beside it and goes on as they say, so
that nothing that was paid for is lost when it is lifted.
"""

from datetime import datetime, timedelta
from typing import Any

from subscriptions.models import Grant, Subscription, TakeBack
from subscriptions.months import next_month
from subscriptions.services.pools import Pool
from vpnpanel.services import used_bytes

Reset = Grant.TrafficReset


class Allowance:
    """The traffic of one subscription while a verb changes it; the customer is locked. Sizes in bytes.

    `pool` is what may flow, its limit the access's. Its `extra` was given on top, kept, or bought for a time
    that is still to come, and is used last. `plans` is what the grants allow: the same one, unless a limit of
    staff's own counts.
    """

    def __init__(self, subscription: Subscription, *, now: datetime, used: int | None = None) -> None:
        """`used` is what flowed so far, which is read where it is not known."""
        self.subscription, self.now = subscription, now
        key = subscription.access_id
        self.used = used_bytes([key]).get(key, 0) if used is None else used
        self.pool = Pool(subscription.access.traffic_limit, subscription.allowance_extra, self.used)
        self.plans = self.pool if subscription.own_limit is None else self._kept_plans()
        self.announce = False
        self._grants: list[Grant] = []
        self._queue: list[tuple[int, int]] = []
        self._taken: dict[int, int] = {}

    def _kept_plans(self) -> Pool:
        """What flows while staff let everything flow is not counted against what was paid for: that stands
        still since then."""
        subscription = self.subscription
        used = subscription.allowance_from if subscription.own_limit == 0 else self.used
        return Pool(subscription.plans_limit, subscription.plans_extra, used)

    @property
    def is_used_up(self) -> bool:
        return self.pool.is_used_up

    @property
    def pools(self) -> list[Pool]:
        return [self.pool] if self.plans is self.pool else [self.pool, self.plans]

    def limits(self) -> dict[str, Any]:
        """Put the outcome into the subscription, unsaved, and return what of it `move_end` is to apply."""
        subscription = self.subscription
        limit = self.pool.limit
        subscription.allowance_extra = min(self.pool.extra, self.pool.left)
        has_own = subscription.own_limit is not None
        subscription.plans_limit = self.plans.limit if has_own else 0
        subscription.plans_extra = self.plans.extra if has_own else 0
        if not limit or limit > subscription.access.traffic_limit:
            subscription.told_percent = 0
        limits: dict[str, Any] = {"traffic_limit": limit}
        return limits | {"announce": True} if self.announce else limits

    def buy(self, grant: Grant, before: Grant | None, *, end: datetime) -> None:
        """Take in a grant with terms that has just joined the queue, which now lasts until `end`.

        `before` is the one whose terms were in force.
        """
        if self.subscription.expires_at > self.now:
            if grant.traffic and before is not None and before.plan is not None and before.plan.is_trial:
                self._renew(grant, keeps=True)
                self.subscription.allowance_grant = grant
            elif self._joins_at_once(grant):
                self._join(grant)
        self.settle(end)

    def add(self, size: int) -> None:
        """Add traffic on top, where there is a limit."""
        was_used_up = self.is_used_up
        for pool in self.pools:
            pool.add(size)
        self.announce |= was_used_up and not self.is_used_up

    def take(self, grant: Grant, size: int) -> int:
        """Take so much of what a grant brought, and return how much of it was there to take."""
        running = self.subscription.allowance_grant
        if grant.plan_id and grant.began_at is None:
            return size  # it waits: less will come of it
        is_over = running is not None and grant.place < running.place and not grant.keeps_traffic
        if grant.plan_id and is_over:
            return 0
        of_extra = not grant.plan_id or (running is not None and grant.place > running.place)
        return max(pool.take(size, of_extra=of_extra) for pool in self._pools_of(grant))

    def put_back(self, grant: Grant, size: int) -> None:
        """Give so much back of what was taken of a grant, whose time moves behind that of all others."""
        if grant == self.subscription.allowance_grant:
            self.subscription.allowance_grant = None  # whose time comes now must not lapse what is left of it
        if not (grant.plan_id and grant.began_at is None):
            for pool in self._pools_of(grant):
                pool.put_back(size)

    def lift(self, grant: Grant, before: Grant) -> None:
        """Go back from the newest terms, which were taken back whole, to those before."""
        if grant.began_at is None:
            return
        if not before.traffic:
            self.plans.limit = 0
        elif not grant.traffic:
            self.plans.set_left(grant.kept_traffic)

    def restore(self, grant: Grant, size: int) -> None:
        """Put the newest terms in force again, of which `size` was given back."""
        if grant.began_at is None:
            return
        if not grant.traffic:
            grant.kept_traffic = self.plans.left
            self.plans.limit = 0
        elif not self.plans.limit:
            self.plans.set_left(grant.kept_traffic + size)

    def set_own(self, size: int | None) -> None:
        """Let staff's limit count from now on in place of what the plans allow; None: that again."""
        subscription = self.subscription
        if subscription.own_limit == 0:
            self.plans.go_on(self.used)
            subscription.allowance_from = self.used
        subscription.own_limit = size
        if size is None:
            self.pool = self.plans
            return
        if not (size and self.pool.limit):
            subscription.allowance_from = self.used
        self.pool = Pool(subscription.allowance_from + size if size else 0, 0, self.used)

    def settle(self, end: datetime) -> None:
        """Start what is to start by now, and note when the next start is due. Safe to repeat.

        After the end nothing starts.
        """
        self._load()
        grants = self._grants
        if not grants or end <= self.now:
            self.subscription.resets_at = None
            return
        starts = self._starts(end)
        place = max((number for number, start in enumerate(starts) if start <= self.now), default=0)
        if self.subscription.allowance_grant in grants:  # after a trial it runs before its time
            place = max(place, grants.index(self.subscription.allowance_grant))
        running = grants[place]
        if self._is_unlimited():
            self.subscription.resets_at = None
            if self.subscription.own_limit is None:  # what comes meanwhile starts when staff's is lifted
                self.subscription.allowance_grant = running
            return
        self._run(running, starts[place])
        waiting = next((grant for grant in grants[place + 1 :] if grant.began_at is None), None)
        if self.is_used_up and waiting is not None:
            self._join(waiting)
        later = range(place + 1, len(grants))
        due = [starts[each] for each in later if not self._is_same(grants[each - 1], grants[each])][:1]
        if self._is_monthly(running):
            due.append(next_month(starts[place], self.now))
        self.subscription.resets_at = min((at for at in due if at < end), default=None)

    def finds_more(self, end: datetime) -> bool:
        """Settle, and tell whether there is traffic left then: something that waited may have come."""
        self.settle(end)
        return not self.is_used_up

    def _run(self, running: Grant, anchor: datetime) -> None:
        """Start the grant whose time has come, or its next month."""
        subscription, before = self.subscription, self.subscription.allowance_grant
        if before != running:
            subscription.allowance_grant = running
            if before is None or running.place > before.place:
                self._start(running, before)
            subscription.allowance_at = self.now
        elif self._is_monthly(running):
            since = subscription.allowance_at or anchor
            if next_month(anchor, since) <= self.now:
                self._renew(running, keeps=running.keeps_traffic)

    def _start(self, grant: Grant, before: Grant | None) -> None:
        keeps = before is None or before.keeps_traffic
        if grant.began_at is None:
            if not self.plans.limit:  # what was left before days without a limit is still there after them
                self.plans.set_left(self._newest.kept_traffic)
            self._renew(grant, keeps=keeps)
            return
        if self.plans.limit and grant.traffic and self.plans.pass_on(self._brought(grant), keeps=keeps):
            self.subscription.allowance_from = self.used
        if self.subscription.own_limit:
            self._count_from_here()
            self.pool.renew(self.subscription.own_limit, keeps=False)

    def _renew(self, grant: Grant, *, keeps: bool) -> None:
        """Start anew with what the grant brings, on top of what is kept."""
        was_used_up = self.is_used_up
        grant.began_at = grant.began_at or self.now
        grant.save(update_fields=["began_at"])
        self.subscription.allowance_at = self.now
        self._count_from_here()
        self.plans.renew(self._brought(grant), keeps=keeps)
        if self.subscription.own_limit is not None:
            self.pool.renew(self.subscription.own_limit, keeps=False)
        self.announce |= was_used_up

    def _join(self, grant: Grant) -> None:
        """Add what the grant brings before its own time comes; until that is over it does not lapse."""
        self.announce |= self.is_used_up
        if not (grant.traffic_reset == Reset.NEVER and self.pool.limit):
            self._count_from_here()
        self.plans.join(self._brought(grant), kept=grant.kept_traffic)
        if self.subscription.own_limit is not None:
            self.pool.join(self.subscription.own_limit, kept=0)
        grant.began_at = self.now
        grant.save(update_fields=["began_at"])

    def _count_from_here(self) -> None:
        self.plans.go_on(self.used)
        self.subscription.allowance_from, self.subscription.told_percent = self.used, 0

    def _pools_of(self, grant: Grant) -> list[Pool]:
        """What the grant adds to: what is given on top counts beside a limit of staff's own, too."""
        return [self.plans] if grant.plan_id else self.pools

    def _joins_at_once(self, grant: Grant) -> bool:
        if self.subscription.own_limit is not None:
            return False
        adds_up = grant.traffic_reset != Reset.MONTHLY and grant.keeps_traffic
        return adds_up or not grant.traffic

    def _brought(self, grant: Grant) -> int:
        """What a grant brings each time it starts."""
        if not grant.traffic or grant.traffic_reset == Reset.MONTHLY:
            return grant.traffic
        return max(grant.traffic - self._taken.get(grant.pk, 0), 1)

    @property
    def _newest(self) -> Grant:
        return max(self._grants, key=lambda each: each.pk)

    def _is_unlimited(self) -> bool:
        """Tell whether nothing starts, as the newest terms know no limit, nor staff."""
        if self.subscription.own_limit is not None:
            return self.subscription.own_limit == 0
        return not self.pool.limit and not self._newest.traffic

    def _is_same(self, running: Grant, coming: Grant) -> bool:
        """Tell whether nothing changes when the time of the second comes: its traffic is there already."""
        if self.subscription.own_limit is not None:
            return False
        is_there = coming.began_at is not None and coming.traffic_reset != Reset.MONTHLY
        return is_there and running.keeps_traffic and coming.keeps_traffic

    def _is_monthly(self, grant: Grant) -> bool:
        return grant.traffic_reset == Reset.MONTHLY and bool(self.subscription.own_limit or grant.traffic)

    def _load(self) -> None:
        """Read the grants that count, in the order of their time, and what was taken of them."""
        everything = self.subscription.grants.select_related("plan").order_by("place")
        taken = TakeBack.objects.filter(
            grant__subscription=self.subscription, state=TakeBack.State.TAKEN
        ).values_list("grant_id", "traffic", "is_whole")
        self._taken, lifted = {}, set()
        for grant_id, traffic, is_whole in taken:
            self._taken[grant_id] = self._taken.get(grant_id, 0) + traffic
            lifted |= {grant_id} if is_whole else set()
        self._queue = [(grant.place, grant.queued_seconds) for grant in everything]
        self._grants = [grant for grant in everything if grant.plan_id and grant.pk not in lifted]

    def _starts(self, end: datetime) -> list[datetime]:
        """Return when the time of each grant begins: grants fill the time before the end from behind."""
        start, by_place = end, {}
        for place, seconds in reversed(self._queue):
            start -= timedelta(seconds=seconds)
            by_place[place] = start
        return [by_place[grant.place] for grant in self._grants]

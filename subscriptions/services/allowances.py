"""How much traffic a subscription may use, and when it starts anew.

The grants behind an end form a queue (see `queue`), and traffic follows it: what a grant brings starts with
its own time, and the conditions of the grant whose time runs say what becomes of what is left. Sooner, with
the purchase, comes what a plan says adds up, and what was bought after a trial; and whoever has used
everything up gets the next one that waits at once.

The limit of an access counts all bytes that ever flowed, so a new start moves it and touches no counter.
"""

from datetime import datetime, timedelta
from typing import Any

from subscriptions.models import Grant, Subscription, TakeBack
from subscriptions.months import next_month
from subscriptions.services import queue

Reset = Grant.TrafficReset


class Allowance:
    """The traffic of one subscription while a verb changes it; the customer is locked. Sizes in bytes.

    `limit` is the access's, over all that ever flowed; 0: none. `extra` is the part of what is left that no
    new start lapses: given on top, kept, or bought for a time that is still to come. It is used last.
    """

    def __init__(self, subscription: Subscription, *, now: datetime) -> None:
        self.subscription, self.now = subscription, now
        self.limit = subscription.access.traffic_limit
        self.used = queue.used_bytes(subscription)
        self.extra = min(subscription.allowance_extra, self.left)
        self.announce = False
        self._grants: list[Grant] = []
        self._queue: list[tuple[int, int]] = []
        self._taken: dict[int, int] = {}

    @property
    def left(self) -> int:
        return max(self.limit - self.used, 0)

    @property
    def is_used_up(self) -> bool:
        return bool(self.limit) and not self.left

    def limits(self) -> dict[str, Any]:
        """Put the outcome into the subscription, unsaved, and return what of it `move_end` is to apply."""
        subscription = self.subscription
        subscription.allowance_extra = min(self.extra, self.left)
        if not self.limit or self.limit > subscription.access.traffic_limit:
            subscription.told_percent = 0
        limits: dict[str, Any] = {"traffic_limit": self.limit}
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
        if self.limit and size:
            was_used_up = self.is_used_up
            self.limit += size
            self.extra = min(self.extra + size, self.left)
            self.announce |= was_used_up and not self.is_used_up

    def take(self, grant: Grant, size: int) -> int:
        """Take so much of what a grant brought, and return how much of it was there to take."""
        running = self.subscription.allowance_grant
        if grant.plan_id and grant.began_at is None:
            return size  # it waits: less will come of it
        is_over = running is not None and grant.place < running.place and not grant.keeps_traffic
        if grant.plan_id and (is_over or self.subscription.own_limit is not None):
            return 0
        taken = max(min(size, self.limit - max(self.used, 1)), 0)
        self.limit -= taken
        if not grant.plan_id or (running is not None and grant.place > running.place):
            self.extra = max(self.extra - taken, 0)
        self.extra = min(self.extra, self.left)
        return taken

    def put_back(self, grant: Grant, size: int) -> None:
        """Give so much back of what was taken of a grant, whose time moves behind that of all others."""
        if grant == self.subscription.allowance_grant:
            self.subscription.allowance_grant = None  # whose time comes now must not lapse what is left of it
        if self.limit and not (grant.plan_id and grant.began_at is None):
            self.limit += size
            self.extra += size

    def lift(self, grant: Grant, before: Grant) -> None:
        """Go back from the newest terms, which were taken back whole, to those before."""
        if self.subscription.own_limit is not None or grant.began_at is None:
            return
        if not before.traffic:
            self.limit = 0
        elif not grant.traffic:
            self.limit = max(self.used + grant.kept_traffic, 1)
            self.extra = grant.kept_traffic

    def restore(self, grant: Grant, size: int) -> None:
        """Put the newest terms in force again, of which `size` was given back."""
        if self.subscription.own_limit is not None or grant.began_at is None:
            return
        if not grant.traffic:
            grant.kept_traffic = self.left
            self.limit = 0
        elif not self.limit:
            self.limit = max(self.used + grant.kept_traffic + size, 1)
            self.extra = grant.kept_traffic + size

    def set_own(self, size: int | None) -> None:
        """Let staff's limit count from now on in place of the plans' amounts; None: those again."""
        subscription = self.subscription
        subscription.own_limit = size
        self._load()
        running = subscription.allowance_grant
        amount = self._amount(running) if running is not None else size or 0
        if amount and not self.limit:
            subscription.allowance_from = self.used
        self.extra = 0
        self.limit = subscription.allowance_from + amount if amount else 0

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
            self.subscription.allowance_grant, self.subscription.resets_at = running, None
            return
        self._run(running, starts[place])
        waiting = next((grant for grant in grants[place + 1 :] if grant.began_at is None), None)
        if self.is_used_up and waiting is not None:
            self._join(waiting)
        coming = grants[place + 1] if place + 1 < len(grants) else None
        due = [] if coming is None or self._is_same(running, coming) else [starts[place + 1]]
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
            if not self.limit:  # what was left before days without a limit is still there after them
                self.extra = self._newest.kept_traffic
                self.limit = self.used + self.extra
            self._renew(grant, keeps=keeps)
        elif self.limit and grant.traffic:
            kept = self._kept(keeps)
            if kept < self.left:
                self.limit, self.subscription.allowance_from = self.used + kept, self.used
            self.extra = max(kept - self._amount(grant), 0)

    def _renew(self, grant: Grant, *, keeps: bool) -> None:
        """Start anew with what the grant brings, on top of what is kept."""
        kept, was_used_up = self._kept(keeps), self.is_used_up
        grant.began_at = grant.began_at or self.now
        grant.save(update_fields=["began_at"])
        amount = self._amount(grant)
        self.subscription.allowance_at = self.now
        self._count_from_here()
        self.limit, self.extra = (self.used + kept + amount, kept) if amount else (0, 0)
        self.announce |= was_used_up

    def _join(self, grant: Grant) -> None:
        """Add what the grant brings before its own time comes; until that is over it does not lapse."""
        left, extra = (self.left, self.extra) if self.limit else (grant.kept_traffic, grant.kept_traffic)
        self.announce |= self.is_used_up
        amount = self._amount(grant)
        if not (grant.traffic_reset == Reset.NEVER and self.limit):
            self._count_from_here()
        self.extra = min(extra, left) + amount
        self.limit = self.used + left + amount if amount else 0
        grant.began_at = self.now
        grant.save(update_fields=["began_at"])

    def _count_from_here(self) -> None:
        self.subscription.allowance_from, self.subscription.told_percent = self.used, 0

    def _kept(self, keeps: bool) -> int:
        return self.left if keeps and self.subscription.own_limit is None else min(self.left, self.extra)

    def _joins_at_once(self, grant: Grant) -> bool:
        if self.subscription.own_limit is not None:
            return False
        adds_up = grant.traffic_reset != Reset.MONTHLY and grant.keeps_traffic
        return adds_up or not grant.traffic

    def _amount(self, grant: Grant) -> int:
        """What a grant brings each time it starts; staff's own limit replaces it."""
        if self.subscription.own_limit is not None:
            return self.subscription.own_limit
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
        return not self.limit and not self._newest.traffic

    def _is_same(self, running: Grant, coming: Grant) -> bool:
        """Tell whether nothing changes when the time of the second comes: its traffic is there already."""
        is_there = coming.began_at is not None and coming.traffic_reset != Reset.MONTHLY
        return is_there and running.keeps_traffic and coming.keeps_traffic

    def _is_monthly(self, grant: Grant) -> bool:
        return grant.traffic_reset == Reset.MONTHLY and bool(self._amount(grant))

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

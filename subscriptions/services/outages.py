"""What staff do for the customers whom an outage of a panel met: tell them, give days, take them back.

Each is a job in steps of one page of customers, each customer in a transaction of their own, and happens
once for each outage and customer however often a step is done again.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, Model
from django.utils.translation import gettext_lazy as _

from accounts import services as accounts
from core import clock, jobs
from core.clock import DAY
from core.jobs import Step
from core.models import Job
from core.nudges import nudge
from notifications.services import tell
from subscriptions.errors import OutageSettled
from subscriptions.models import Grant, Subscription
from subscriptions.services.grants import give
from subscriptions.services.taking_back import take_back
from vpnpanel import services as vpnpanel
from vpnpanel.models import Outage

TELL, TELL_OVER, CREDIT, UNDO = "outage_tell", "outage_tell_over", "outage_credit", "outage_undo"
PAGE = 100
MOST_DAYS = 60


def count_affected(outage: Outage) -> int:
    """Return how many subscriptions had nothing else to get through by. One query."""
    return Subscription.objects.filter(access__in=vpnpanel.affected_by(outage, now=clock.now())).count()


@transaction.atomic
def tell_affected(outage_id: int, *, actor: str) -> Job:
    """Tell everybody concerned of the outage, once each. Safe to repeat: the same job goes on.

    Raises OutageSettled if they were told before.
    """
    if not Outage.objects.filter(pk=outage_id, told_at__isnull=True).update(told_at=clock.now()):
        raise OutageSettled("the customers were told already")
    return _start(TELL, outage_id, "outage.told", actor)


def tell_recovered() -> int:
    """Tell whoever heard of trouble while it lasted that it is over, once each; returns of how many outages.

    Only once the panel has stayed back for a while: news of its return should not have to be taken back.
    """
    heard = Outage.objects.filter(told_at__lt=F("ended_at"), over_told_at__isnull=True)
    over = heard.filter(ended_at__lt=clock.now() - vpnpanel.FLAPPING)
    return sum(_tell_over(outage_id) for outage_id in list(over.values_list("pk", flat=True)))


@transaction.atomic
def _tell_over(outage_id: int) -> bool:
    untold = Outage.objects.filter(pk=outage_id, over_told_at__isnull=True)
    if not untold.update(over_told_at=clock.now()):
        return False
    _start(TELL_OVER, outage_id, "outage.over_told", "schedule")
    return True


@transaction.atomic
def credit_affected(outage_id: int, *, days: int, reason: str, actor: str) -> Job:
    """Give everybody concerned so many days, once each, and tell them.

    Raises OutageSettled if days were given for it before, ValueError for no reason or days not 1 to 60.
    """
    if not 1 <= days <= MOST_DAYS:
        raise ValueError(f"days must be 1 to {MOST_DAYS}")
    if not reason.strip():
        raise ValueError("a reason is needed")
    given = Outage.objects.filter(pk=outage_id, credit=Outage.Credit.NONE).update(
        credit=Outage.Credit.GIVEN, credit_days=days, credit_reason=reason.strip()[:300]
    )
    if not given:
        raise OutageSettled("days were given for this outage already")
    return _start(CREDIT, outage_id, "outage.credited", actor, days=days)


@transaction.atomic
def undo_credit(outage_id: int, *, actor: str) -> Job:
    """Take back what is unused of the days that were given; days that have passed stay used.

    Raises OutageSettled if no days were given, or they were taken back before.
    """
    undone = Outage.objects.filter(pk=outage_id, credit=Outage.Credit.GIVEN)
    if not undone.update(credit=Outage.Credit.UNDONE):
        raise OutageSettled("there are no days to take back")
    if job := Job.objects.filter(kind=CREDIT, subject=str(outage_id), state__in=Job.OPEN).first():
        jobs.cancel(job.pk)
    return _start(UNDO, outage_id, "outage.credit_undone", actor)


def _start(kind: str, outage_id: int, action: str, actor: str, **data: int) -> Job:
    outage = Outage.objects.get(pk=outage_id)
    accounts.note(None, action, actor=actor, subject=outage.subject, data=dict(data))
    # Who is concerned by an outage that still lasts is settled now, not anew with each page.
    params = {"upto": clock.now().isoformat()}
    job = jobs.start(kind, subject=str(outage_id), asked_by=actor, params=params)
    nudge("core.tasks.run_jobs")
    return job


def tell_step(job: Job) -> Step:
    """Tell the next page of those concerned."""
    return _page(job, _tell)


def tell_over_step(job: Job) -> Step:
    """Tell the next page of those who heard of it that it is over."""
    return _page(job, _tell_over_to)


def credit_step(job: Job) -> Step:
    """Give days to the next page of those concerned; stops where they are being taken back."""
    return _page(job, _credit)


def undo_step(job: Job) -> Step:
    """Take the days of the next page of those who got any."""
    outage = Outage.objects.get(pk=int(job.subject))
    given = Grant.objects.filter(source__startswith=f"{outage.subject}:", pk__gt=job.cursor or 0)
    page = list(given.select_related("subscription__user").order_by("pk")[:PAGE])
    done = _done(job) + sum(_undo(outage, grant, job.asked_by) for grant in page)
    return _step(page, done)


def register_jobs() -> None:
    """Make the long work of outages known to the runner of jobs."""
    counts = {"customers": _("Customers")}
    for kind, step, title in (
        (TELL, tell_step, _("Tell customers of an outage")),
        (TELL_OVER, tell_over_step, _("Tell customers that an outage is over")),
        (CREDIT, credit_step, _("Give days for an outage")),
        (UNDO, undo_step, _("Take back days for an outage")),
    ):
        jobs.register(kind, step, title, counts=counts)


def _page(job: Job, settle: Callable[[Outage, Subscription, str], bool]) -> Step:
    outage = Outage.objects.get(pk=int(job.subject))
    concerned = vpnpanel.affected_by(outage, now=datetime.fromisoformat(job.params["upto"]))
    rows = Subscription.objects.filter(access__in=concerned, pk__gt=job.cursor or 0).order_by("pk")
    page = list(rows.select_related("user")[:PAGE])
    done = _done(job) + sum(settle(outage, subscription, job.asked_by) for subscription in page)
    return _step(page, done)


def _done(job: Job) -> int:
    return int((job.result or {}).get("customers", 0))


def _step(page: Sequence[Model], done: int) -> Step:
    cursor = page[-1].pk if page else None
    return Step(cursor=cursor, done=done, is_last=len(page) < PAGE, result={"customers": done})


def _tell(outage: Outage, subscription: Subscription, actor: str) -> bool:
    return _say("outage_told", outage, subscription)


def _tell_over_to(outage: Outage, subscription: Subscription, actor: str) -> bool:
    return _say("outage_over", outage, subscription)


@transaction.atomic
def _say(kind: str, outage: Outage, subscription: Subscription) -> bool:
    tell(
        subscription.user,
        kind,
        dedupe_key=f"{kind}:{outage.pk}:{subscription.pk}",
        context={"outage_id": outage.pk, "subscription_id": subscription.pk},
    )
    return True


@transaction.atomic
def _credit(outage: Outage, subscription: Subscription, actor: str) -> bool:
    customer = accounts.lock_customer(subscription.user_id)
    given = Outage.objects.filter(pk=outage.pk, credit=Outage.Credit.GIVEN)
    if given.select_for_update(no_key=True).first() is None:
        return False  # taken back meanwhile
    give(
        subscription.pk,
        source=_source(outage, subscription),
        seconds=outage.credit_days * int(DAY.total_seconds()),
        actor=actor,
        reason=outage.credit_reason,
    )
    tell(
        customer,
        "outage_credited",
        dedupe_key=f"outage_credited:{outage.pk}:{subscription.pk}",
        context={"outage_id": outage.pk, "subscription_id": subscription.pk},
    )
    return True


@transaction.atomic
def _undo(outage: Outage, grant: Grant, actor: str) -> bool:
    customer = accounts.lock_customer(grant.subscription.user_id)
    by = f"{outage.subject}:undo:{grant.subscription_id}"
    taken = take_back(source=grant.source, by=by, actor=actor, reason=outage.credit_reason)
    if not taken.seconds:
        return False  # all of it has passed
    tell(
        customer,
        "outage_credit_undone",
        dedupe_key=f"outage_credit_undone:{outage.pk}:{grant.subscription_id}",
        context={"subscription_id": grant.subscription_id},
    )
    return True


def _source(outage: Outage, subscription: Subscription) -> str:
    return f"{outage.subject}:{subscription.pk}"

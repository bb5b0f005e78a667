"""Doors for scheduled work on money.

Whatever calls a provider takes a turn, one for notices and one for all else: a provider that hangs holds two
threads of the worker, never all of them.
"""

from contextlib import suppress

from celery import shared_task

from billing.services import calls, decisions, fulfilling, notices, orders, refunds, sweeps
from core.errors import OutsideError
from core.turns import at_most

calling = at_most(1)


@shared_task
@at_most(1)
def work_notices() -> int:
    return notices.work_notices()


@shared_task
@calling
def work_payments() -> int:
    return calls.send_due() + calls.check_due()


@shared_task
@calling
def work_refunds() -> int:
    return refunds.work_due()


@shared_task
def find_refunds(payment_id: int) -> int:
    """Look for refunds made in the provider's cabinet; where the call fails, the nightly sweep finds them."""
    with suppress(OutsideError):
        return calling(lambda: refunds.find_refunds(payment_id))()
    return 0


@shared_task
@at_most(1)
def fulfil_due() -> int:
    """Give what is paid for, and settle by rule what cannot be given; returns how many orders were given."""
    given = fulfilling.retry_due()
    decisions.apply_rules()
    return given


@shared_task
@at_most(1)
def alert_stuck() -> int:
    return fulfilling.alert_stuck()


@shared_task
@at_most(1)
def close_stale_orders() -> int:
    return orders.close_stale()


@shared_task
def sweep_payments() -> int:
    return sweeps.sweep_payments()


@shared_task
def sweep_nightly() -> int:
    return sweeps.sweep_nightly()

"""Known bugs for the proof of money; planted as those of tests.proof.planted are, which starts the role."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any


def give_at_each_report() -> None:
    """Give the goods whenever the provider says that a payment succeeded, also when that is known."""
    from billing.models import Payment
    from billing.providers.base import Said
    from billing.services import books, payments
    from billing.services.calls import checking, sending
    from subscriptions import services
    from subscriptions.services import terms_of

    apply = payments.apply_provider_state

    def apply_and_give(payment_id: int, report: Any, *, source: str) -> Any:
        was = Payment.objects.get(pk=payment_id).state
        payment = apply(payment_id, report, source=source)
        if was == report.said == Said.SUCCEEDED and payment.order and payment.order.subscription_id:
            again = f"again:{uuid.uuid4().hex}"
            bought = terms_of(payment.order.plan)
            services.renew(payment.order.subscription_id, terms=bought, source=again, actor="bug")
        return payment

    for module in (payments, checking, sending):
        module.apply_provider_state = apply_and_give  # type: ignore[attr-defined]
    assert books


def trust_the_notice() -> None:
    """Believe what a notice says where the provider has not been asked."""
    from billing.providers.base import Said
    from billing.services import notices
    from billing.services.calls import read_back
    from billing.services.payments import apply_provider_state
    from core.claims import record

    def settle(notice: Any, hint: Any, tired: Any) -> None:
        payment = notices._known(notice.provider, hint)
        if payment is not None and hint.said == Said.SUCCEEDED and not hint.is_refund:
            report = read_back(payment, source="notice")
            believed = replace(report, said=Said.SUCCEEDED)
            apply_provider_state(payment.pk, believed, source="notice")
            record(notice, state=notices.State.DONE, payment=payment)
            return
        honest(notice, hint, tired)

    honest = notices._settle
    notices._settle = settle


def ask_under_a_new_key() -> None:
    """Choose the idempotence key anew at each try."""
    from billing.services.calls import sending

    create = sending._create

    def create_anew(payment: Any, *, is_repeat: bool, read_seconds: float) -> Any:
        key, payment.key = payment.key, uuid.uuid4()
        try:
            return create(payment, is_repeat=is_repeat, read_seconds=read_seconds)
        finally:
            payment.key = key

    sending._create = create_anew


def wait_for_notices_only() -> None:
    """Never ask of one's own accord how payments stand."""
    from billing.services import calls, sweeps

    calls.check_due = lambda: 0
    sweeps.sweep_payments = lambda: 0
    sweeps.sweep_nightly = lambda: 0


def refuse_late_money() -> None:
    """Keep an order closed that was closed before the money came."""
    from billing.models import Order

    Order.TRANSITIONS = {**Order.TRANSITIONS, Order.State.CLOSED: frozenset()}


BUGS: dict[str, Callable[[], None]] = {
    "give-at-each-report": give_at_each_report,
    "trust-the-notice": trust_the_notice,
    "ask-under-a-new-key": ask_under_a_new_key,
    "wait-for-notices-only": wait_for_notices_only,
    "refuse-late-money": refuse_late_money,
}

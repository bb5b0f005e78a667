"""Money that goes back: asked for by staff or by the rules, or seen in the provider's books."""

from billing.services.refunds.by_hand import give_up, pay_out_by_hand, try_again
from billing.services.refunds.cabinet import find_refunds, import_or_apply_refund
from billing.services.refunds.figures import RefundPreview, amount_left, preview_refund
from billing.services.refunds.request import request_refund
from billing.services.refunds.sending import work_due
from billing.services.refunds.settling import apply_refund_state

__all__ = [
    "RefundPreview",
    "amount_left",
    "apply_refund_state",
    "find_refunds",
    "give_up",
    "import_or_apply_refund",
    "pay_out_by_hand",
    "preview_refund",
    "request_refund",
    "try_again",
    "work_due",
]

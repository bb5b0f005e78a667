"""What needs staff's attention about money: paid and not given, undecided, refused, to be paid out."""

from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import Document
from accounts.services import current_documents, is_sample
from backoffice.concern import Concern
from billing import services
from billing.models import Decision, Notice, Order, ProviderAccount, Refund
from vpnpanel.models import LATE_AFTER


def money_concerns(now: datetime) -> list[Concern]:
    """Return the concerns about money, troubled or not. A query each."""
    return [
        _not_active(now),
        _undecided(),
        _providers(now),
        _refunds(),
        _dead_notices(),
        _samples(),
    ]


def _not_active(now: datetime) -> Concern:
    return Concern(
        key="orders",
        title=_("Paid but not active"),
        count=services.not_active(now - LATE_AFTER).count(),
        why=_("Paid over a minute ago, and the access does not work yet."),
        model=Order,
        query="stuck=yes",
        icon="shopping_cart",
        is_grave=True,
    )


def _undecided() -> Concern:
    return Concern(
        key="decisions",
        title=_("Needs decision"),
        count=Decision.objects.filter(state=Decision.State.OPEN).count(),
        why=_("Money that fits nothing, or a question that only staff can answer."),
        model=Decision,
        query="state__exact=open",
        icon="gavel",
    )


def _providers(now: datetime) -> Concern:
    is_shut = Q(refused_at__isnull=False) | Q(hidden_until__gt=now)
    shut = list(ProviderAccount.objects.filter(is_shut, is_open=True).defer("secret"))
    return Concern(
        key="providers",
        title=_("Payment providers hidden from customers"),
        count=len(shut),
        why=" · ".join(f"{account}: {account.error}" for account in shut) or _("All that are open work."),
        model=ProviderAccount,
        query="is_open__exact=1",
        icon="account_balance",
        is_grave=True,
    )


def _refunds() -> Concern:
    return Concern(
        key="refunds",
        title=_("Refunds to pay out by hand"),
        count=Refund.objects.filter(state=Refund.State.MANUAL).count(),
        why=_("The provider can't or will not send this money back."),
        model=Refund,
        query="state__exact=manual",
        icon="undo",
    )


def _dead_notices() -> Concern:
    return Concern(
        key="notices",
        title=_("Notices given up"),
        count=Notice.objects.filter(state=Notice.State.DEAD).count(),
        why=_("Notices of providers that failed too often. Look at the error, then work them off again."),
        model=Notice,
        query="state__exact=dead",
        icon="notifications_off",
    )


def _samples() -> Concern:
    """Sample texts matter as soon as an account for real money is set up."""
    samples = [document.title for document in current_documents() if is_sample(document)]
    is_selling = ProviderAccount.objects.filter(is_test=False).exists()
    return Concern(
        key="documents",
        title=_("Sample texts still in use"),
        count=len(samples) if is_selling else 0,
        why=", ".join(samples) or _("The texts are your own."),
        model=Document,
        icon="description",
    )

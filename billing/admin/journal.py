"""The journal for staff, with the balances it adds up to. Nobody edits it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from billing.admin.money import MoneyAdmin
from billing.models import JournalEntry, Price
from billing.services.journal import balances
from billing.shown import amount_of
from core import clock
from core.actors import who
from core.staff import column, link_to

Account = JournalEntry.Account
# Entries are never changed, so what lay where at midnight is added up once a day: a million of them takes
# a while. An entry belongs to the time its transaction began; this long after, none of them is still open.
LATEST_COMMIT = timedelta(hours=1)
KEPT_SECONDS = 2 * 86_400
# What we owe or have earned stands on the credit side: people read it without the minus.
OWED = frozenset({Account.PREPAID, Account.CREDIT, Account.SUSPENSE, Account.REFUNDS, Account.SALES})


@dataclass(frozen=True)
class Balance:
    """What lies on one account, as people read it."""

    name: str
    amount: str
    url: str
    is_odd: bool


def shown_balances(now: datetime) -> list[Balance]:
    """Return what lies where, account by account."""
    midnight = (now - LATEST_COMMIT).replace(hour=0, minute=0, second=0, microsecond=0)
    key = f"billing.balances.{midnight:%Y-%m-%d}"
    earlier: dict[tuple[str, str], Decimal] | None = cache.get(key)
    if earlier is None:
        earlier = balances(before=midnight)
        cache.set(key, earlier, KEPT_SECONDS)
    found = dict(earlier)
    for place, amount in balances(since=midnight).items():
        found[place] = found.get(place, Decimal(0)) + amount
    names = dict(Account.choices)
    order = {account: place for place, account in enumerate(Account.values)}
    return [
        _balance(account, names[account], currency, amount)
        for (account, currency), amount in sorted(found.items(), key=lambda item: order[item[0][0]])
    ]


def _balance(account: str, name: Any, currency: str, amount: Decimal) -> Balance:
    amount = -amount if account in OWED else amount
    address = f"?account={account}&currency={currency}"
    return Balance(str(name), amount_of(amount.normalize() + 0, currency), address, is_odd=amount < 0)


class AccountFilter(admin.SimpleListFilter):
    title = pgettext_lazy("journal", "account")
    parameter_name = "account"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Account.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[JournalEntry]) -> QuerySet[JournalEntry]:
        wanted = self.value()
        return queryset.filter(Q(debit=wanted) | Q(credit=wanted)) if wanted in Account.values else queryset


class CurrencyFilter(admin.SimpleListFilter):
    title = _("currency")
    parameter_name = "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = request.GET.get(self.parameter_name, "")[:8]
        return [(code, code) for code in dict.fromkeys((*Price.Currency.values, asked)) if code]

    def queryset(self, request: HttpRequest, queryset: QuerySet[JournalEntry]) -> QuerySet[JournalEntry]:
        return queryset.filter(currency=self.value()) if self.value() else queryset


@admin.register(JournalEntry)
class JournalAdmin(MoneyAdmin):
    list_display = (
        "created_at",
        "amount_shown",
        "debit_shown",
        "credit_shown",
        "fact",
        "customer_link",
        "order_link",
        "payment_link",
        "by",
    )
    list_display_links = ("created_at",)
    list_filter = (AccountFilter, CurrencyFilter, "created_at")
    list_select_related = ("customer", "order", "payment")
    customer_columns = ("customer",)
    search_help_text = _("Fact or the beginning of one (as sale:order:12), or Telegram id")
    list_before_template = "admin/money/balances.html"
    fields = (
        ("created_at", "amount_shown"),
        ("debit_shown", "credit_shown"),
        "fact",
        ("customer_link", "provider_account"),
        ("order_link", "payment_link", "refund_link"),
        ("by", "note"),
    )
    readonly_fields = (
        "created_at",
        "amount_shown",
        "debit_shown",
        "credit_shown",
        "fact",
        "customer_link",
        "provider_account",
        "order_link",
        "payment_link",
        "refund_link",
        "by",
        "note",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("payment__request", "payment__confirmation_url")

    def found_by(self, text: str, number: int | None) -> Q:
        return Q(fact__startswith=text[:150])

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        extra = {"balances": shown_balances(clock.now())} if self.has_view_permission(request) else {}
        return super().changelist_view(request, {**extra, **(extra_context or {})})

    @column(_("amount"), ordering="amount")
    def amount_shown(self, entry: JournalEntry) -> str:
        return amount_of(entry.amount, entry.currency)

    @column(pgettext_lazy("journal", "debit"))
    def debit_shown(self, entry: JournalEntry) -> str:
        return entry.get_debit_display()

    @column(pgettext_lazy("journal", "credit"))
    def credit_shown(self, entry: JournalEntry) -> str:
        return entry.get_credit_display()

    @column(_("by"))
    def by(self, entry: JournalEntry) -> str:
        return who(entry.actor)

    @column(_("customer"))
    def customer_link(self, entry: JournalEntry) -> str:
        return link_to(entry.customer) if entry.customer else "–"

    @column(_("provider account"))
    def provider_account(self, entry: JournalEntry) -> str:
        return str(entry.account or "–")

    @column(_("order"))
    def order_link(self, entry: JournalEntry) -> str:
        return link_to(entry.order)

    @column(_("payment"))
    def payment_link(self, entry: JournalEntry) -> str:
        return link_to(entry.payment)

    @column(_("refund"))
    def refund_link(self, entry: JournalEntry) -> str:
        return link_to(entry.refund)

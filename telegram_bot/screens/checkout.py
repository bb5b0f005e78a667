"""What a plan would cost and give now, what has to be agreed to first, and the ways to pay."""

from dataclasses import dataclass

from django.utils.html import escape
from django.utils.translation import gettext as _

from accounts import services as accounts
from accounts.models import Document, User
from billing import services as billing
from billing.errors import NotForSale
from billing.models import Order, ProviderAccount
from billing.services import Quote
from core import clock, money
from notifications.kinds import Button, Rendered
from subscriptions import messages
from telegram_bot.numbers import number_in
from telegram_bot.screens import parts


@dataclass(frozen=True)
class Values:
    """`quote` is None when the plan is no longer on sale."""

    quote: Quote | None
    missing: tuple[Document, ...] = ()
    accounts: tuple[ProviderAccount, ...] = ()

    @property
    def is_all_test(self) -> bool:
        return all(account.is_test for account in self.accounts)


def load(customer: User, argument: str) -> Values:
    """`argument` is the plan's number."""
    try:
        quote = billing.quote(customer, number_in(argument) or 0)
    except NotForSale:
        return Values(None)
    return Values(
        quote,
        tuple(accounts.missing_documents(customer)),
        tuple(billing.offered_accounts(clock.now())),
    )


def render(values: Values) -> Rendered:
    if values.quote is None:
        return Rendered(
            _("This plan is no longer on sale."), buttons=((parts.plans_button(), parts.menu_button()),)
        )
    lines = [*_deal(values.quote), "", *_what_next(values)]
    last = (Button(_("‹ Other plan"), action="plans"), parts.menu_button())
    return Rendered("\n".join(lines), buttons=(*_ways(values, values.quote), last))


def _deal(quote: Quote) -> list[str]:
    plan = quote.plan
    contents = ", ".join(filter(None, (plan.about, parts.shown_devices(plan.devices))))
    lines = [f"🧾 <b>{escape(plan.name)}</b>"]
    if contents:
        lines.append(escape(contents))
    if quote.kind == Order.Kind.RENEWAL:
        lines.append(_("You renew: the time is added to what you have, and your link stays the same."))
    lines.append(_("Works until: %(time)s") % {"time": messages.shown_time(quote.ends_at)})
    price = money.shown(quote.amount, quote.currency)
    lines.append(_("Price: %(price)s") % {"price": f"<b>{price}</b>"})
    if quote.credit > 0:
        credit = money.shown(quote.credit, quote.currency)
        lines.append(_("Your credit: %(amount)s") % {"amount": credit})
    return lines


def _what_next(values: Values) -> list[str]:
    if values.missing:
        links = [f'• <a href="{escape(text.url)}">{escape(text.title)}</a>' for text in values.missing]
        return [_("Before you pay, please read and accept:"), *links]
    if values.accounts:
        test = [_("🧪 Test mode: no real money moves.")] if values.is_all_test else []
        return [_("Choose how to pay:"), *test]
    if values.quote and values.quote.is_covered:
        return [_("You can pay from your credit.")]
    return [parts.cannot_pay()]


def _ways(values: Values, quote: Quote) -> list[tuple[Button, ...]]:
    if values.missing:
        return [(_agree_button(text, quote),) for text in values.missing]
    ways: list[tuple[Button, ...]] = []
    if quote.is_covered:
        action = f"credit:{quote.plan.pk}:{quote.seen}"
        ways.append((Button(_("💰 Pay from your credit"), action=action),))
    for account in values.accounts:
        words = {"price": money.shown(quote.amount, quote.currency), "way": account.name}
        sign = "🧪 " if account.is_test and not values.is_all_test else ""
        label = sign + _("💳 Pay %(price)s · %(way)s") % words
        ways.append((Button(label, action=f"pay:{quote.plan.pk}:{account.pk}"),))
    return ways


def _agree_button(text: Document, quote: Quote) -> Button:
    labels = {
        Document.Kind.OFFER: _("✅ I accept the offer"),
        Document.Kind.PERSONAL_DATA: _("✅ I agree to the processing of my data"),
    }
    label = labels.get(Document.Kind(text.kind)) or _("✅ I agree")
    return Button(label, action=f"agree:{text.pk}:{quote.plan.pk}")

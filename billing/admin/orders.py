"""Orders for staff: what was bought, who paid, and what stands behind it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from billing import services
from billing.acts import BOOK_FOR_ANYBODY
from billing.admin.money import MoneyAdmin
from billing.admin.refunding import REFUND
from billing.models import JournalEntry, Order, Payment, Refund
from billing.shown import ORDER_TONES
from core import clock
from core.acts import Act, Change
from core.staff import column, link_to, size
from vpnpanel.models import LATE_AFTER

ROWS_SHOWN = 50


def order_parts(order: Order) -> dict[str, Any]:
    """Return what stands under an order's fields: four queries, however much there is."""
    payments = Payment.objects.filter(order=order).select_related("account").defer("account__secret")
    return {
        "payments": list(payments[:ROWS_SHOWN]),
        "refunds": list(Refund.objects.filter(payment__order=order)[:ROWS_SHOWN]),
        "journal": list(JournalEntry.objects.filter(order=order).order_by("id")[:ROWS_SHOWN]),
    }


def give_now(order: Order, values: dict[str, Any], actor: str) -> Any:
    if services.give_now(order.pk, actor=actor):
        return _("Settled: see the state of the order.")
    return _("It failed again: the order says why. It is tried again by itself too.")


def close(order: Order, values: dict[str, Any], actor: str) -> Any:
    services.close_order(order.pk, customer_id=order.payer_id, actor=actor)
    return _("Closed. Money that comes nevertheless is honoured.")


def closing(order: Order, values: dict[str, Any]) -> list[Change]:
    return [Change(_("Order"), order.get_state_display(), Order.State.CLOSED.label)]


ACTS = (
    Act(
        name="give-now",
        title=_("Give now"),
        about=_("Try once more to give what was paid for."),
        permission="billing.change_order",
        run=give_now,
        is_possible=lambda order: order.state == Order.State.PAID,
        icon="redeem",
        tone="primary",
        is_harmless=True,
    ),
    Act(
        name="close",
        title=_("Close"),
        about=_("The customer no longer sees it as open. A payment that is under way is not touched."),
        permission="billing.change_order",
        run=close,
        changes=closing,
        is_possible=lambda order: order.state == Order.State.OPEN,
        icon="close",
    ),
    REFUND,
)


class NotActiveFilter(admin.SimpleListFilter):
    """Orders whose money came over a minute ago, and whose access does not work yet."""

    title = _("paid but not active")
    parameter_name = "stuck"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Paid over a minute ago, not active"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        if self.value() != "yes":
            return queryset
        return queryset.filter(pk__in=services.not_active(clock.now() - LATE_AFTER).values("pk"))


@admin.register(Order)
class OrderAdmin(MoneyAdmin):
    secrets = ("subscription__token", "offer__body_en", "offer__body_ru")
    list_display = (
        "number",
        "shown_state",
        "payer_link",
        "plan_shown",
        "kind",
        "amount_shown",
        "created_at",
        "paid_at",
    )
    list_display_links = ("number",)
    acts = ACTS
    list_acts = (BOOK_FOR_ANYBODY,)
    list_filter = ("state", NotActiveFilter, "kind", "plan", "paid_at")
    list_select_related = ("payer",)
    customer_columns = ("payer", "receiver")
    search_help_text = _("Number of the order, or Telegram id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("shown_state", "kind"),
                    ("payer_link", "receiver_link"),
                    ("plan_shown", "amount_shown"),
                    ("terms", "subscription_link"),
                    "offer_shown",
                )
            },
        ),
        (_("How it went"), {"fields": (("created_at", "paid_at"), ("fulfilled_at", "closed_at"))}),
        (
            _("Giving"),
            {"fields": ("refusal", "fulfilment_error", ("fulfilment_tries", "alerted_at"))},
        ),
    )
    readonly_fields = tuple(
        name
        for _title, options in fieldsets
        for row in options["fields"]
        for name in ((row,) if isinstance(row, str) else row)
    )
    change_form_outer_after_template = "admin/money/order.html"

    def beside(self, order: Order) -> dict[str, Any]:
        return {"parts": order_parts(order)}

    @column(_("order"), ordering="id")
    def number(self, order: Order) -> str:
        return str(order)

    @column(_("state"), tones=ORDER_TONES, ordering="state")
    def shown_state(self, order: Order) -> tuple[str, str]:
        return order.state, order.get_state_display()

    @column(_("payer"))
    def payer_link(self, order: Order) -> str:
        return link_to(order.payer)

    @column(_("receiver"))
    def receiver_link(self, order: Order) -> str:
        return link_to(order.receiver)

    @column(_("plan"))
    def plan_shown(self, order: Order) -> str:
        return order.plan_name_in(get_language() or "en")

    @column(_("amount"), ordering="amount")
    def amount_shown(self, order: Order) -> str:
        return order.price_shown

    @column(_("terms"))
    def terms(self, order: Order) -> str:
        traffic = size(order.traffic_limit) if order.traffic_limit else gettext("no limit")
        devices = order.devices or gettext("no limit")
        return gettext("%(days)d days · traffic: %(traffic)s · devices: %(devices)s") % {
            "days": order.days,
            "traffic": traffic,
            "devices": devices,
        }

    @column(_("subscription"))
    def subscription_link(self, order: Order) -> str:
        return link_to(order.subscription)

    @column(_("accepted offer"))
    def offer_shown(self, order: Order) -> str:
        return link_to(order.offer)

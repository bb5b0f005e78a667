"""Customers for staff: the list, and one page with everything about one of them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services import find_customers
from backoffice.customer_page import context_of
from billing.acts import BOOK_FOR_CUSTOMER
from core import clock
from core.acts import Act, ActForm, Change, ReasonForm, buttons
from core.staff import HistoryAdmin, column
from subscriptions.models import Subscription
from subscriptions.services import ban_customer, link_to_telegram, unban_customer
from subscriptions.services.adopting import MOST_TELEGRAM_ID

REACH_TONES = {"ok": "success", "blocked": "warning", "gone": "danger", "never": "default"}


def ban(customer: User, values: dict[str, Any], actor: str) -> Any:
    ban_customer(customer.pk, reason=values["reason"], actor=actor)
    return _("Banned. All access is cut off within seconds; bought time stays.")


def unban(customer: User, values: dict[str, Any], actor: str) -> Any:
    unban_customer(customer.pk, actor=actor)
    return _("The ban is lifted. Access works again for what is left of it.")


class TelegramForm(ActForm):
    telegram_id = forms.IntegerField(
        label=_("Telegram id"),
        min_value=1,
        max_value=MOST_TELEGRAM_ID,
        help_text=_("The number, not the @name."),
    )


def link(customer: User, values: dict[str, Any], actor: str) -> Any:
    now = link_to_telegram(customer.pk, telegram_id=values["telegram_id"], actor=actor)
    return _("Linked: the subscription belongs to customer #%(id)s now.") % {"id": now.pk}


def belongs_to(customer: User, values: dict[str, Any]) -> list[Change]:
    if "telegram_id" not in values:
        return []
    known = User.objects.filter(telegram_id=values["telegram_id"]).first()
    return [Change(_("Telegram"), "–", known or values["telegram_id"])]


ACTS = (
    Act(
        name="link",
        title=_("Link to Telegram"),
        about=_("They came with a panel; say who they are in Telegram, and the bot serves them."),
        permission="accounts.change_user",
        run=link,
        form=TelegramForm,
        changes=belongs_to,
        is_possible=lambda customer: customer.telegram_id is None and not customer.is_staff,
        icon="link",
        tone="primary",
    ),
    BOOK_FOR_CUSTOMER,
    Act(
        name="ban",
        title=_("Ban"),
        about=_("The bot stops serving them, and all their access is cut off until you lift the ban."),
        permission="accounts.change_user",
        run=ban,
        form=ReasonForm,
        is_possible=lambda customer: not customer.is_banned,
        icon="gavel",
        tone="danger",
    ),
    Act(
        name="unban",
        title=_("Lift the ban"),
        about=_("They get back what is left of their time. Subscriptions that staff disabled stay so."),
        permission="accounts.change_user",
        run=unban,
        is_possible=lambda customer: customer.is_banned,
        icon="gavel",
        tone="primary",
    ),
)


class BannedFilter(admin.SimpleListFilter):
    title = _("banned")
    parameter_name = "banned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Banned")), ("no", _("Not banned"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        if self.value() in ("yes", "no"):
            return queryset.filter(banned_at__isnull=self.value() == "no")
        return queryset


class HoldsFilter(admin.SimpleListFilter):
    title = _("subscription")
    parameter_name = "holds"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("live", _("Live")), ("over", _("Only ended ones")), ("none", _("Never had one"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        held = Subscription.objects.filter(user=OuterRef("pk"))
        live = Exists(held.filter(state=Subscription.State.ACTIVE, expires_at__gt=clock.now()))
        match self.value():
            case "live":
                return queryset.filter(live)
            case "over":
                return queryset.filter(Exists(held), ~live)
            case "none":
                return queryset.filter(~Exists(held))
        return queryset


# Those who came with a panel have no Telegram id until staff link them; staff are no customers.
OF_CUSTOMERS = Q(telegram_id__isnull=False) | Q(is_staff=False)


@admin.register(User)
class CustomerAdmin(HistoryAdmin):
    list_display = ("name_shown", "telegram_id", "holds", "reach_shown", "language", "joined_at", "seen_at")
    list_filter = (HoldsFilter, BannedFilter, "reach", "language", "joined_at")
    search_fields = ("telegram_id",)
    search_help_text = _("Telegram id, @name or a part of the name")
    ordering = ("-id",)
    acts = ACTS

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        latest = Subscription.objects.select_related("plan").defer("token").order_by("-expires_at")
        customers: QuerySet[User] = super().get_queryset(request).filter(OF_CUSTOMERS)
        return customers.prefetch_related(Prefetch("subscriptions", latest))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return (queryset.filter(find_customers(search_term)) if search_term.strip() else queryset), False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        customer = self.get_object(request, object_id)
        if customer is None:
            raise Http404
        if not self.has_view_permission(request, customer):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": customer,
            "title": str(customer),
            "buttons": buttons(self, request, customer),
            **context_of(customer, request),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "backoffice/customer.html", context)

    @column(_("customer"), ordering="first_name", header=True)
    def name_shown(self, customer: User) -> tuple[str, str]:
        return str(customer), f"@{customer.telegram_username}" if customer.telegram_username else ""

    @column(_("subscription"), tones={"live": "success", "over": "default", "held": "danger", "none": ""})
    def holds(self, customer: User) -> tuple[str, str]:
        if customer.is_banned:
            return "held", gettext("Banned")
        latest = next(iter(customer.subscriptions.all()), None)
        if latest is None:
            return "none", "–"
        if latest.is_disabled:
            return "held", gettext("Disabled")
        return (
            "live" if latest.is_live(clock.now()) else "over"
        ), f"{latest.plan} · {latest.expires_at:%d.%m.%Y}"

    @column(_("bot"), tones=REACH_TONES, ordering="reach")
    def reach_shown(self, customer: User) -> tuple[str, str]:
        return customer.reach, customer.get_reach_display()

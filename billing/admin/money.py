"""What lists and pages of money have in common: how a row is found."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.staff import HistoryAdmin

LONGEST_NUMBER = 18


class MoneyAdmin(HistoryAdmin):
    """Rows of money: written by verbs, found by an index whatever staff know of them."""

    search_help_text = _("Number or Telegram id")
    search_fields = ("pk",)  # shows the field; `found_by` says what is looked at

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        text = search_term.replace("\0", "").strip().removeprefix("#")
        if not text:
            return queryset, False
        number = int(text) if text.isdecimal() and len(text) <= LONGEST_NUMBER else None
        if number is not None and self.customer_columns:
            customer = User.objects.filter(telegram_id=number).values_list("pk", flat=True).first()
            if customer is not None:
                of_them = Q(*((name, customer) for name in self.customer_columns), _connector=Q.OR)
                return queryset.filter(of_them), False
        return queryset.filter(self.found_by(text, number)), False

    def found_by(self, text: str, number: int | None) -> Q:
        """Return the filter for a text that is no customer's Telegram id; `number` if it is one."""
        return Q(pk=number) if number is not None else Q(pk__in=[])

"""What lists and pages of the admin have in common: cheap at a million rows, read-only where verbs rule."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.contrib.admin import site
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from unfold.decorators import display

from core.acts import ActsAdmin
from core.badges import badge

if TYPE_CHECKING:
    from django.contrib.admin import TabularInline

    Pages = Paginator[Any]
    Inline = TabularInline[Any, Any]
else:
    Pages = Paginator
    from unfold.admin import TabularInline as Inline  # noqa: F401 (for the rooms' admins)

COUNT_UP_TO = 10_000


class QuietList(ChangeList):
    """A list that offers "show all" only where something hides rows."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if getattr(self.paginator, "is_whole_table", False):
            self.full_result_count = self.result_count


class BoundedPaginator(Pages):
    """Pages without counting millions of rows.

    A whole table is estimated from PostgreSQL's statistics once it is large, and its far half is read from
    the end, so that no page skips more than half of the rows. A filtered list is counted up to COUNT_UP_TO,
    beyond which a narrower filter serves better than page 201.
    """

    is_whole_table = False
    count_up_to = COUNT_UP_TO

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        if not self.is_whole_table:
            return rows.order_by()[: self.count_up_to + 1].count()
        estimate = estimated_rows(rows.model)
        return estimate if estimate > self.count_up_to else rows.count()

    def page(self, number: Any) -> "Page[Any]":
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        last = min(first + self.per_page, self.count)
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        if not self.is_whole_table or first <= self.count // 2:
            return Page(rows[first:last], number, self)
        return Page(list(rows.reverse()[self.count - last : self.count - first])[::-1], number, self)


def estimated_rows(model: type[Model]) -> int:
    """Return how many rows PostgreSQL thinks the table has; 0 where nothing is known."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        table = [model._meta.db_table]
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", table)
        return max(int(cursor.fetchone()[0]), 0)


class StaffAdmin(ActsAdmin):
    """A model that staff may edit, with acts on its page."""

    show_full_result_count = False
    list_per_page = 50
    paginator = BoundedPaginator
    list_filter_sheet = True
    customer_columns: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave `secrets` in the database: to decrypt them for a list that never shows them costs time."""
        return super().get_queryset(request).defer(*self.secrets)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by a customer's Telegram id in any of `customer_columns`, else by the search fields.

        The customer is looked up first: a search across a join would read the whole table.
        """
        digits = search_term.strip()
        if self.customer_columns and digits.isdecimal() and len(digits) < 19:
            people = get_user_model()._default_manager.filter(telegram_id=int(digits))
            if customer := people.values_list("pk", flat=True).first():
                of_them = Q(*((name, customer) for name in self.customer_columns), _connector=Q.OR)
                return queryset.filter(of_them), False
        return super().get_search_results(request, queryset, search_term)

    def get_paginator(
        self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any
    ) -> BoundedPaginator:
        paginator = BoundedPaginator(queryset, per_page, *args, **kwargs)
        paginator.is_whole_table = queryset.query.where == self.get_queryset(request).query.where
        return paginator

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return QuietList


def admin_of(model: type[Model]) -> StaffAdmin:
    """Return the admin of a model whose page has acts."""
    found = site.get_model_admin(model)
    assert isinstance(found, StaffAdmin)
    return found


class HistoryAdmin(StaffAdmin):
    """Rows that only verbs write: staff look, and act through the buttons."""

    actions: Sequence[Callable[..., Any] | str] | None = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class KeptAdmin(StaffAdmin):
    """Rows that staff edit but never delete, because others refer to them."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


Method = TypeVar("Method", bound=Callable[..., Any])


def column(
    description: Any,
    *,
    tones: dict[Any, str] | None = None,
    ordering: str | None = None,
    header: bool | None = None,
) -> Callable[[Method], Method]:
    """Name a computed column. With `tones`, its (value, text) is shown as a badge of the value's tone."""

    def named(method: Method) -> Method:
        shown = method if tones is None else _as_badge(method, tones)
        return cast("Method", display(description=description, ordering=ordering, header=header)(shown))

    return named


def _as_badge(method: Callable[..., tuple[Any, Any]], tones: dict[Any, str]) -> Callable[..., SafeString]:
    @wraps(method)
    def shown(*args: Any) -> SafeString:
        value, text = method(*args)
        return badge(tones.get(value, ""), text)

    return shown


def page_of(model: type[Model] | Model, pk: Any = None) -> str:
    """Return the address of a row's page, or of the list of a model."""
    opts = model._meta
    if pk is None and isinstance(model, Model):
        pk = model.pk
    if pk is None:
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[pk])


def permission_to_view(model: type[Model]) -> str:
    """Return what a member of staff needs to open the list of a model."""
    return f"{model._meta.app_label}.view_{model._meta.model_name}"


def link_to(row: Model | None, text: str = "") -> str | SafeString:
    """Return a link to a row's page, or a dash for none."""
    return (
        "–"
        if row is None
        else format_html('<a class="bo-link" href="{}">{}</a>', page_of(row), text or str(row))
    )


def under_way(job: Model) -> SafeString:
    """Return what a door says of work that a worker does from now on, with the way to its page."""
    return format_html(
        "{} {}",
        gettext("Under way; how far it is:"),
        link_to(job, gettext("job %(id)s") % {"id": job.pk}),
    )


COPIED = """
<span class="bo-copied" x-data="{{ done: false }}"><code>{text}</code>
<button type="button" class="bo-icon-button" title="{word}" aria-label="{word}" data-text="{text}"
 x-on:click="navigator.clipboard && navigator.clipboard.writeText($el.dataset.text);
 done = true; setTimeout(() => done = false, 1500)">
<span class="material-symbols-outlined" aria-hidden="true"
 x-text="done ? 'check' : 'content_copy'">content_copy</span></button></span>
"""


def copied(text: str) -> str | SafeString:
    """Return a code that a press copies, or a dash for none."""
    return format_html(COPIED, text=text, word=gettext("Copy")) if text else "–"


def size(amount: int) -> str:
    """Return an amount of bytes as people read it."""
    return filesizeformat(amount)

"""The search of the side bar: customers first, beside the pages it knows by itself."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from unfold.dataclasses import SearchResult

from accounts.models import User
from accounts.services import find_customers
from core.staff import page_of

MOST_HITS = 10


def customers(request: HttpRequest, text: str) -> list[Any]:
    """Return customers found by Telegram id, @name or a part of the name, for staff who may see them."""
    if not request.user.has_perm("accounts.view_user"):
        return []
    found = User.objects.filter(find_customers(text), telegram_id__isnull=False).order_by("-id")
    return [
        SearchResult(
            title=str(customer),
            description=_("Customer %(id)s") % {"id": customer.telegram_id},
            link=page_of(customer),
            icon="person",
        )
        for customer in found[:MOST_HITS]
    ]

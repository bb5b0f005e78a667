"""Lists at the size of a grown shop: what they count, and how they reach their last page."""

import pytest
from django.db import connection

from accounts.models import User
from core.staff import BoundedPaginator
from tests.factories import make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> list[int]:
    return [make_customer().pk for _ in range(9)]


def paginator(*, is_whole_table: bool) -> BoundedPaginator:
    pages = BoundedPaginator(User.objects.order_by("-id"), 4)
    pages.is_whole_table = is_whole_table
    return pages


@pytest.mark.parametrize("is_whole_table", [True, False])
def test_pages_hold_each_row_once_in_order(people, is_whole_table):
    pages = paginator(is_whole_table=is_whole_table)
    seen = [row.pk for number in pages.page_range for row in pages.page(number)]
    assert seen == sorted(people, reverse=True)


def test_the_last_page_of_a_table_is_read_from_its_end(people, queries):
    pages = paginator(is_whole_table=True)
    assert pages.count == 9
    with queries() as seen:
        list(pages.page(3))
    assert "OFFSET" not in seen.captured_queries[-1]["sql"]


def test_filtered_lists_are_counted_only_so_far(people):
    pages = paginator(is_whole_table=False)
    pages.count_up_to = 5
    assert pages.count == 6


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="the other database has no estimate")
def test_a_large_table_is_estimated_not_counted(people, queries):
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE accounts_user")
    pages = paginator(is_whole_table=True)
    pages.count_up_to = 5
    with queries() as seen:
        assert pages.count == 9
    assert not any("COUNT(" in query["sql"] for query in seen.captured_queries)


@pytest.mark.parametrize("path", ["subscriptions/subscription", "subscriptions/grant", "vpnpanel/panel"])
def test_lists_leave_secrets_in_the_database(client, staff, life, queries, path):
    with queries() as seen:
        client.get(f"/admin/{path}/")
    asked = " ".join(query["sql"] for query in seen.captured_queries)
    assert '"subscriptions_subscription"."token",' not in asked
    assert '"vpnpanel_panel"."password",' not in asked

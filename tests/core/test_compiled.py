"""A compiled query returns what its queryset would, on either database."""

import threading
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.models import Value

from core.compiled import CompiledQuery
from tests.factories import KEY, make_subscription, serve
from vpnpanel.models import PanelAccount

pytestmark = pytest.mark.django_db


def accounts(access_id):
    known = PanelAccount.objects.filter(access_id=access_id).select_related("panel").order_by("-id")
    return known.annotate(more=Value("x")).only("links", "observed_until", "used_bytes", "panel__name")


def test_rows_are_those_of_the_queryset_with_values_of_every_type(django_assert_num_queries):
    query = CompiledQuery(accounts, -1)
    subscription, other = make_subscription(), make_subscription()
    until = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
    for used in (1, 2**40):
        serve(subscription, observed_until=until, used_bytes=used)
    serve(other)
    with django_assert_num_queries(2):
        found, theirs = query.rows(subscription.access_id), query.rows(other.access_id)
        shown = [
            (each.links, each.observed_until, each.used_bytes, each.panel.name, each.more) for each in found
        ]
    assert found == list(accounts(subscription.access_id)) and len(theirs) == 1
    assert [each[:3] for each in shown] == [([KEY], until, 2**40), ([KEY], until, 1)]
    assert {each[4] for each in shown} == {"x"} and shown[0][3] != shown[1][3]
    assert found[0].get_deferred_fields() == accounts(subscription.access_id)[0].get_deferred_fields()


def test_another_thread_asks_over_its_own_connection():
    query = CompiledQuery(accounts, -1)
    query.rows(1)
    seen = []

    def ask():
        try:
            seen.append(query.rows(-5))
        finally:
            connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert seen == [[]]


def test_query_without_the_value_is_refused():
    with pytest.raises(ValueError):
        CompiledQuery(lambda value: PanelAccount.objects.all(), -1).rows(1)

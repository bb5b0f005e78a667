"""The watch over outside calls sees what it is for."""

from django.db import transaction

from core.http import OutsideSession
from tests import outside_calls


def test_a_call_is_seen_while_a_transaction_is_open(db, marzban):
    session = OutsideSession(read_seconds=5)
    session.call("GET", f"{marzban.address}/api/system")
    assert not outside_calls.seen
    with transaction.atomic():
        session.call("GET", f"{marzban.address}/api/system")
    assert "GET /api/system" in outside_calls.seen.pop()

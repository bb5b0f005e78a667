"""F-23: the bank was not satisfied, or the hour to pay ran out: no customer stays on a dead link."""

import pytest
import requests

from billing.models import Payment
from core import clock


@pytest.mark.parametrize("reason", ["3d_secure_failed", "expired_on_confirmation"])
def test_f23_a_dead_link_is_replaced_by_one_press(till, reason):
    till.go_to_pay()
    dead = till.link()
    till.payments.decline(reason=reason, notify=False)
    till.press("🔄 Check payment", then="did not go through")
    till.press("💳 Pay anew", then="Waiting for your payment")
    assert till.link() != dead and requests.get(till.link(), timeout=10).ok
    keys = set(Payment.objects.values_list("key", flat=True))
    assert len(keys) == 2


def test_f23_an_old_button_finds_that_its_link_has_run_out_and_builds_a_new_one(till):
    till.go_to_pay()
    dead = till.link()
    Payment.objects.update(expires_at=clock.now(), checked_at=clock.now())
    till.press("🔄 Check payment", then="The link has run out")
    till.press("🔁 Get a new link", then="Waiting for your payment")
    assert till.link() != dead

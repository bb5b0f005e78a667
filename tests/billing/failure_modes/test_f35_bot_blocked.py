"""F-35: the money came, and the customer cannot be told: they blocked the bot."""

from billing.models import Order
from notifications.models import OutboxMessage
from subscriptions.models import Grant
from tests.shop import wait_for
from tests.stories.conftest import ANNA


def test_f35_what_was_paid_is_given_though_nobody_can_be_told(till, worker, live_server):
    till.payments.set_webhook(f"{live_server.url}/webhooks/yookassa")
    till.go_to_pay()
    till.telegram.emu("POST", "block", user_id=ANNA)
    till.payments.pay()
    order = till.order(Order.State.FULFILLED)
    assert Grant.objects.get().source == order.source
    wait_for(lambda: OutboxMessage.objects.filter(kind="order_fulfilled").exclude(state="pending").exists())

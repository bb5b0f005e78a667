"""What each tap costs: queries per handler are pinned, and do not grow with the rows of the shop."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Document
from billing.models import Price
from subscriptions import services as subscriptions
from subscriptions.models import Plan
from telegram_bot import services
from telegram_bot.handlers import ACTIONS
from telegram_bot.intents import callback_data
from telegram_bot.screens import Unprepared
from tests.factories import agree_to_all, make_customer, make_payment, make_provider_account
from tests.telegram_bot.test_inbox import store
from tests.telegram_bot.test_intents import ANNA, message, press

# The transaction's two ends and both marks on the update included.
COSTS = {
    "menu": 6,
    "key": 6,
    "plans": 9,
    "profile": 9,
    "connect": 7,
    "language": 4,
    "help": 5,
    "orders": 6,
    "devices": 6,
    "device": 6,
    "undevice": 6,
    "relink": 6,
    "replace": 6,
    "location": 8,
    "traffic": 8,
}
# With what the button carries: {plan}, {account}, {document}, {order} and {payment} are those of Anna.
# Screens that ask the provider first are counted without what they ask it.
BUYING_COSTS = {
    "buy:{plan}": 9,
    "agree:{document}:{plan}": 15,
    "pay:{plan}:{account}": 17,
    "check:{payment}": 6,
    "order:{order}": 6,
    "close:{order}": 6,
    "again:{order}": 22,
    "credit:{plan}:0": 17,
    "drop:{order}": 11,
}
NEW_ORDER_COST = 19
TRIAL_COST = 23
NEWCOMER_COST = 8


def cost_of(payload: dict, update_id: int) -> int:
    update = store(payload, update_id)
    with CaptureQueriesContext(connection) as queries:
        screen = services.decide(update)
        if isinstance(screen, Unprepared):
            screen.render()
    return sum(not query["sql"].startswith("SELECT clock_timestamp") for query in queries)


def costs_of_a_customer() -> dict[str, int]:
    """Return what each button costs one who has pressed them all before."""
    services.decide(store(message("/start"), 1))
    for number, name in enumerate((*COSTS, "trial"), 10):
        services.decide(store(press(callback_data(name)), number))
    return {name: cost_of(press(callback_data(name)), number) for number, name in enumerate(COSTS, 50)}


def test_every_button_costs_what_is_written_here(db):
    assert costs_of_a_customer() == COSTS
    pressed = {*COSTS, "trial", *(action.split(":")[0] for action in BUYING_COSTS)}
    assert pressed == set(ACTIONS)


def costs_of_buying() -> dict[str, int]:
    """Return what each press on the way to a paid order costs Anna, who holds an unpaid one."""
    anna = make_customer(telegram_id=ANNA["id"])
    payment = make_payment(anna)
    rows = {
        "plan": payment.order.plan_id,
        "account": payment.account_id,
        "document": Document.objects.first().pk,
        "order": payment.order_id,
        "payment": payment.pk,
    }
    return {
        action: cost_of(press(callback_data(action.format(**rows))), number)
        for number, action in enumerate(BUYING_COSTS, 100)
    }


def test_every_press_on_the_way_to_an_order_costs_what_is_written_here(db):
    assert costs_of_buying() == BUYING_COSTS


def test_no_order_costs_more_where_there_are_many(db):
    for _ in range(20):
        make_payment()
        make_provider_account(remote_account=f"{make_customer().pk}")
    assert costs_of_buying() == BUYING_COSTS


def test_a_new_order_costs_what_is_written_here(db):
    agree_to_all(make_customer(telegram_id=ANNA["id"]))
    account, plan = make_provider_account(), Plan.objects.get(code="month")
    assert cost_of(press(callback_data(f"pay:{plan.pk}:{account.pk}")), 1) == NEW_ORDER_COST


def test_no_button_costs_more_in_a_larger_shop(db):
    for number in range(20):
        subscriptions.take_trial(make_customer().pk, actor="test")
        plan = Plan.objects.create(code=f"p{number}", days=number + 1, name_en="P", name_ru="П")
        Price.objects.create(plan=plan, amount=number + 1)
    assert costs_of_a_customer() == COSTS


def test_a_newcomer_and_a_trial_cost_what_is_written_here(db):
    assert cost_of(message("/start"), 1) == NEWCOMER_COST
    assert cost_of(press(callback_data("trial")), 2) == TRIAL_COST


def test_a_hundred_updates_of_one_batch_are_read_back_in_one_query(db, django_assert_num_queries):
    people = [{**ANNA, "id": number} for number in range(100, 200)]
    services.store_updates(
        {
            **message("/start"),
            "update_id": person["id"],
            "message": {**message("/start")["message"], "from": person},
        }
        for person in people
    )
    with django_assert_num_queries(1):
        assert len(services.open_updates()) == 100

"""What each tap costs: queries per handler are pinned, and do not grow with the rows of the shop."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import Price
from subscriptions import services as subscriptions
from subscriptions.models import Plan
from telegram_bot import services
from telegram_bot.handlers import ACTIONS
from telegram_bot.intents import callback_data
from tests.factories import make_customer
from tests.telegram_bot.test_inbox import store
from tests.telegram_bot.test_intents import ANNA, message, press

# The transaction's two ends and both marks on the update included.
COSTS = {"menu": 6, "key": 6, "plans": 7, "profile": 7, "connect": 6, "language": 4, "help": 4}
TRIAL_COST = 21
NEWCOMER_COST = 8


def cost_of(payload: dict, update_id: int) -> int:
    update = store(payload, update_id)
    with CaptureQueriesContext(connection) as queries:
        services.decide(update)
    return sum(not query["sql"].startswith("SELECT clock_timestamp") for query in queries)


def costs_of_a_customer() -> dict[str, int]:
    """Return what each button costs one who has pressed them all before."""
    services.decide(store(message("/start"), 1))
    for number, name in enumerate(ACTIONS, 10):
        services.decide(store(press(callback_data(name)), number))
    return {name: cost_of(press(callback_data(name)), number) for number, name in enumerate(COSTS, 50)}


def test_every_button_costs_what_is_written_here(db):
    assert costs_of_a_customer() == COSTS
    assert set(COSTS) | {"trial"} == set(ACTIONS)


def test_no_button_costs_more_in_a_larger_shop(db):
    for number in range(20):
        subscriptions.take_trial(make_customer().pk, actor="test")
        plan = Plan.objects.create(code=f"p{number}", days=number + 1, name_en="P", name_ru="П")
        Price.objects.create(plan=plan, amount=number)
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

"""What a command or a press does: one function each, inside the verb's transaction, returning its screen.

A handler gets the customer and the argument of the command or button. It calls at most one verb and
never waits for anything outside. A new action is one function and one entry in ACTIONS.
"""

from collections.abc import Callable

from accounts import services as accounts
from accounts.errors import CustomerBanned
from accounts.models import User
from subscriptions import services as subscriptions
from subscriptions.errors import (
    NoSuchDevice,
    NoSuchSubscription,
    NoTrial,
    TooManyRemovals,
    TooSoon,
    TrialTaken,
)
from telegram_bot.handlers import buying
from telegram_bot.intents import Intent, Kind
from telegram_bot.numbers import number_in
from telegram_bot.screens import Shown
from vpnpanel.errors import NoSuchLocation

Handler = Callable[[User, str], Shown]

ORDER_PREFIX = "order_"
STARTS = ("plans", "connect", "devices", "key", "help")


def show(name: str) -> Handler:
    return lambda customer, argument: Shown(name, argument)


def show_menu(customer: User, argument: str) -> Shown:
    return Shown("menu")


def start(customer: User, argument: str) -> Shown:
    """Show the menu; whoever comes back from the page to pay (`order_<number>`) sees their order.

    The customer's page leads to one of the STARTS.
    """
    if argument in STARTS:
        return Shown(argument)
    order = argument.removeprefix(ORDER_PREFIX)
    if order == argument or number_in(order) is None:
        return Shown("menu")
    return Shown("order", order)


def show_unknown(customer: User, argument: str) -> Shown:
    return Shown("menu", "unknown")


def take_trial(customer: User, argument: str) -> Shown:
    """Take the trial; whoever had theirs sees what they hold."""
    try:
        subscriptions.take_trial(customer.pk, actor="customer")
    except (TrialTaken, NoTrial, CustomerBanned):
        return Shown("trial", "refused")
    return Shown("key")


def replace_link(customer: User, argument: str) -> Shown:
    """Replace the link of the subscription whose button was pressed; anybody can forge a button."""
    number = number_in(argument)
    if number is None:
        return Shown("key")
    try:
        subscriptions.replace_own_link(number, customer_id=customer.pk)
    except NoSuchSubscription:
        return Shown("key")
    except TooSoon:
        return Shown("relinked_lately")
    return Shown("relinked")


def remove_device(customer: User, argument: str) -> Shown:
    """Free the place of a device of theirs; one that has none any more is as good as removed."""
    number = number_in(argument)
    if number is None:
        return Shown("devices")
    try:
        subscriptions.remove_device(number, customer_id=customer.pk, actor="customer")
    except NoSuchDevice:
        return Shown("devices")
    except TooManyRemovals:
        return Shown("devices", "often")
    return Shown("devices", "removed")


def choose_language(customer: User, argument: str) -> Shown:
    if argument not in accounts.LANGUAGES:
        return Shown("language")
    customer.language = accounts.choose_language(customer.pk, argument).language
    return Shown("menu")


def choose_location(customer: User, argument: str) -> Shown:
    """Show the locations, or choose one by a number that stands for it, or any."""
    offer = subscriptions.locations_of(customer)
    names = {str(number): name for name, number in offer.locations.items()} if offer else {}
    names["any"] = ""
    if offer is None or not argument:
        return Shown("location")
    if argument not in names:
        return Shown("location", "gone")
    try:
        subscriptions.choose_location(
            offer.subscription_id, location=names[argument], actor="customer", customer_id=customer.pk
        )
    except NoSuchSubscription:
        return Shown("location")
    except NoSuchLocation:
        return Shown("location", "gone")
    except TooSoon:
        return Shown("location", "soon")
    return Shown("location", "chosen")


ACTIONS: dict[str, Handler] = {
    "menu": show_menu,
    "trial": take_trial,
    "key": show("key"),
    "plans": show("plans"),
    "profile": show("profile"),
    "connect": show("connect"),
    "devices": show("devices"),
    "device": show("device"),
    "undevice": remove_device,
    "traffic": show("traffic"),
    "relink": show("relink"),
    "replace": replace_link,
    "language": choose_language,
    "location": choose_location,
    "help": show("help"),
    "buy": buying.show_checkout,
    "agree": buying.agree,
    "pay": buying.pay,
    "credit": buying.pay_from_credit,
    "check": show("check"),
    "again": buying.pay_again,
    "close": show("closing"),
    "drop": buying.close,
    "order": show("order"),
    "orders": show("orders"),
}

COMMANDS: dict[str, Handler] = {
    "start": start,
    "menu": show_menu,
    "trial": take_trial,
    "key": show("key"),
    "plans": show("plans"),
    "profile": show("profile"),
    "connect": show("connect"),
    "language": show("language"),
    "help": show("help"),
    "buy": show("plans"),
    "payments": show("orders"),
}


def respond(customer: User, intent: Intent) -> Shown:
    """Do what the customer asks for and say which screen follows. Banned customers only see why."""
    if customer.is_banned:
        return Shown("banned")
    if intent.kind is Kind.PRESS:
        return ACTIONS.get(intent.name, show_menu)(customer, intent.argument)
    if intent.kind is Kind.COMMAND:
        # What follows a typed command is no argument of a button; only /start is sent with one by links.
        argument = intent.argument if intent.name == "start" else ""
        return COMMANDS.get(intent.name, show_unknown)(customer, argument)
    return show_unknown(customer, "")

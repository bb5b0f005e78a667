"""The free trial: one for each identity, for ever."""

from django.db import transaction

from accounts import services as accounts
from accounts.errors import CustomerBanned
from accounts.models import User
from core.crypto import keyed_hash
from core.rows import insert_missing
from subscriptions.errors import NoTrial, TrialTaken
from subscriptions.models import Plan, Subscription, TrialUse
from subscriptions.services.terms import open_subscription, terms_of


def identity_hash(customer: User) -> str:
    """Return what a trial is remembered by; it outlives the customer's own data."""
    return keyed_hash("trial", f"telegram:{customer.telegram_id}")


@transaction.atomic
def take_trial(customer_id: int, *, actor: str) -> Subscription:
    """Give the customer the trial plan on sale; they are told as soon as it works.

    A repeat gives nothing more and raises TrialTaken, which carries the subscription.
    Raises CustomerBanned, and NoTrial if none is on sale or the customer holds a subscription anyway.
    """
    customer = accounts.lock_customer(customer_id)
    identity = identity_hash(customer)
    used = TrialUse.objects.select_related("subscription").filter(identity_hash=identity).first()
    if used is not None:
        raise TrialTaken(used.subscription)
    if customer.is_banned:
        raise CustomerBanned(f"customer {customer.pk} is banned")
    if customer.telegram_id is None or customer.subscriptions.exists():
        raise NoTrial(f"no trial for customer {customer.pk}")
    plan = Plan.objects.filter(is_trial=True, is_open=True).first()
    if plan is None:
        raise NoTrial("no trial is on sale")

    subscription = open_subscription(customer, terms_of(plan), source=f"trial:{identity[:32]}", actor=actor)
    if not insert_missing(TrialUse(identity_hash=identity, subscription=subscription)):
        # Somebody with the same identity but another row, whom our lock does not hold: all of it is undone.
        raise TrialTaken(None)
    accounts.note(
        customer,
        "trial.taken",
        actor=actor,
        subject=subscription.subject,
        data={"plan": plan.code, "days": plan.days},
    )
    return subscription

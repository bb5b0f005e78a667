"""Rows for tests. Each factory makes one plain row through the verbs where there is one."""

import itertools
from datetime import timedelta

from django.db import transaction
from django.db.models import F

from accounts import services as accounts
from accounts.models import User
from billing import services as billing
from billing.models import Payment, ProviderAccount
from subscriptions import services as subscriptions
from subscriptions.models import Plan, Subscription
from tests.world import PanelWorld, PaymentWorld, XuiWorld
from vpnpanel.models import Access, Panel, PanelAccount, PanelGroup

KEY = "vless://11111111-2222-4333-8444-555555555555@nl1.example.com:443?encryption=none&security=none&type=tcp#NL"

telegram_ids = itertools.count(700_000_001)
account_numbers = itertools.count(1)


def make_customer(*, telegram_id: int | None = None, first_name: str = "Anna", language: str = "en") -> User:
    with transaction.atomic():
        customer, _ = accounts.arrive(
            telegram_id=telegram_id or next(telegram_ids),
            first_name=first_name,
            last_name="",
            telegram_username="",
            language_code=language,
            start_payload="",
        )
    return customer


def make_staff(username: str = "olga", **fields: object) -> User:
    return User.objects.create_user(username, "a long password", is_staff=True, is_superuser=True, **fields)


def make_panel(world: PanelWorld, *, name: str = "nl-1", **fields: object) -> Panel:
    panel = Panel.objects.create(
        name=name,
        base_url=world.address,
        username=world.username,
        password=world.password,
        **({"guard": "passed"} | fields),
    )
    panel.groups.add(PanelGroup.objects.get(code="main"))
    return panel


def make_xui_panel(world: XuiWorld, *, name: str = "nl-2", **fields: object) -> Panel:
    """A 3x-ui panel that sells one entrance; reached by its token where it knows tokens."""
    is_new = world.set()["version"].startswith("3.")
    access = {"token": world.token} if is_new else {"username": world.username, "password": world.password}
    usual = {
        "kind": "xui",
        "guard": "passed",
        "inbounds": {"vless": ["inbound-443"]},
        "public_host": f"{name}.example.com",
    }
    panel = Panel.objects.create(name=name, base_url=world.address, **(usual | access | fields))
    panel.groups.add(PanelGroup.objects.get(code="main"))
    return panel


def make_subscription(customer: User | None = None, **access_terms: object) -> Subscription:
    """A trial just taken: no panel serves it yet."""
    subscription = subscriptions.take_trial((customer or make_customer()).pk, actor="customer")
    if access_terms:
        Access.objects.filter(pk=subscription.access_id).update(**access_terms)
        subscription.access.refresh_from_db()
    return subscription


def serve(subscription: Subscription, *, links: tuple[str, ...] = (KEY,), **observed: object) -> PanelAccount:
    """Let a panel serve the subscription, as the reconciler would note it down."""
    number = next(account_numbers)
    panel = Panel.objects.create(name=f"panel-{number}", base_url=f"http://127.0.0.1:9/{number}")
    Access.objects.filter(pk=subscription.access_id).update(
        applied_generation=F("generation"), is_dirty=False
    )
    subscription.access.refresh_from_db()
    fields = {"placement": PanelAccount.Placement.SERVING, "observed_status": "active", **observed}
    return PanelAccount.objects.create(
        access=subscription.access,
        panel=panel,
        name=f"000000_{number:016}",
        links=list(links),
        applied_generation=fields.pop("applied_generation", subscription.access.generation),
        **fields,
    )


def let_pass(subscription: Subscription, *, days: float = 0, seconds: float = 0) -> Subscription:
    """Let time pass for one subscription on either database: its end comes nearer, and all its times."""
    passed = timedelta(days=days, seconds=seconds)
    times = ("expires_at", "resets_at", "allowance_at")
    Subscription.objects.filter(pk=subscription.pk).update(**{name: F(name) - passed for name in times})
    subscription.refresh_from_db()
    Access.objects.filter(pk=subscription.access_id).update(until=subscription.expires_at)
    return subscription


def make_provider_account(**fields: object) -> ProviderAccount:
    """The shop that the stand-in for YooKassa knows, open to customers."""
    keys = {"remote_account": PaymentWorld.shop_id, "secret": PaymentWorld.secret_key}
    return ProviderAccount.objects.create(**{**keys, "is_test": True, "is_open": True, **fields})


def agree_to_all(customer: User) -> User:
    """Let the customer agree to whatever the shop asks them to."""
    for document in accounts.missing_documents(customer):
        accounts.give_consent(customer.pk, document.pk, actor="customer")
    return customer


def make_payment(customer: User | None = None, *, plan: str = "month") -> Payment:
    """A payment of a fresh order, which the provider has not heard of yet."""
    payer = agree_to_all(customer or make_customer())
    account = ProviderAccount.objects.first() or make_provider_account()
    return billing.place_order(
        payer.pk, Plan.objects.get(code=plan).pk, account_id=account.pk, actor="customer"
    )

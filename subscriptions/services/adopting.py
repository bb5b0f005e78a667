"""Customers who come with an operator's panel: their accounts become subscriptions, their keys go on working.

An account is matched to a Telegram id that stands in the panel's own field, in its note or in its name. One
without becomes a customer whom staff link to Telegram later. A source `adopt:<panel>:<name>` counts once, so
an adoption may be cut off anywhere and repeated.
"""

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from django.db import transaction

from accounts import services as accounts
from accounts.errors import TelegramIdTaken
from accounts.models import User
from core.said import Sentence, said
from subscriptions.errors import AdoptionUnfit, NotAdopted, TwoTelegramIds
from subscriptions.models import Grant, Plan, Subscription
from subscriptions.services.state import note
from subscriptions.services.terms import Terms, first_grant, hold, terms_of
from vpnpanel.models import Panel, PanelGroup
from vpnpanel.services import adopting as panels

# With a word before it any number is an id; a number alone might be a phone's, which is longer.
WORDED = re.compile(r"(?:tg|telegram|тг|телеграм|id)[^\d\w]{0,3}(\d{5,13})(?!\d)", re.IGNORECASE)
ALONE_IN_NOTE = re.compile(r"\s*(\d{6,10})\s*")
IN_NAME = re.compile(r"(?:tg|telegram|user|id|u)?[_.-]?(\d{6,10})", re.IGNORECASE)
SOURCE_LENGTH = 80
MOST_TELEGRAM_ID = 2**52 - 1  # Telegram says that its ids have at most 52 bits


@dataclass(frozen=True)
class Rules:
    """How accounts are taken over. `match` finds a Telegram id in note or name in place of our own rules."""

    plan: Plan
    terms: Terms
    groups: tuple[PanelGroup, ...]
    wanted: panels.Wanted
    match: re.Pattern[str] | None = None


@dataclass(frozen=True)
class Verdict:
    """What becomes of an account: whose it is, or why it stays what it is."""

    name: str
    becomes: Sentence | None = None
    why_not: Sentence | None = None
    end: str = ""
    limit: int = 0

    @property
    def is_by_telegram(self) -> bool:
        return self.becomes is not None and "id" in self.becomes.values


@dataclass
class Fate:
    """What is known of a candidate before its customer is looked at."""

    candidate: panels.Candidate
    telegram_id: int | None = None
    why_not: Sentence | None = None
    customer: User | None = field(default=None, repr=False)


def rules_for(panel: Panel, params: dict[str, Any]) -> Rules:
    """Read what an adoption was asked for. Raises AdoptionUnfit, which says what is wrong with it."""
    plan = _plan(str(params.get("plan") or ""))
    groups = tuple(plan.groups.all())
    if not panel.groups.filter(pk__in=[group.pk for group in groups]).exists():
        raise AdoptionUnfit(
            f"panel {panel} is in no group of plan {plan.code}: customers would be moved away"
        )
    try:
        match = re.compile(params["match"]) if params.get("match") else None
    except re.error as wrong:
        raise AdoptionUnfit(f"the pattern cannot be read: {wrong}") from wrong
    if match is not None and match.groups < 1:
        raise AdoptionUnfit("the pattern needs a group around the Telegram id, such as tg(\\d+)")
    wanted = panels.Wanted(int(params.get("endless_days") or 0), bool(params.get("quarantined")))
    return Rules(plan, terms_of(plan), groups, wanted, match)


def _plan(code: str) -> Plan:
    if code:
        found = Plan.objects.filter(code=code).first()
        if found is None:
            raise AdoptionUnfit(f"there is no plan {code!r}")
        return found
    on_sale = list(Plan.objects.filter(is_open=True, is_trial=False)[:2])
    if len(on_sale) != 1:
        codes = ", ".join(Plan.objects.filter(is_trial=False).values_list("code", flat=True))
        raise AdoptionUnfit(f"say which plan they are to be on: {codes}")
    return on_sale[0]


def telegram_id_of(candidate: panels.Candidate, match: re.Pattern[str] | None) -> int | None:
    """Return the Telegram id an account names. Raises TwoTelegramIds if it names two."""
    own = _id_in(str(candidate.telegram_id or ""))  # staff of the panel may have put a group's there
    found = {own} if own else set()
    for pattern, text, whole in _places(candidate, match):
        hit = pattern.fullmatch(text) if whole else pattern.search(text)
        if hit and (number := _id_in(hit[1])):
            found.add(number)
    if len(found) > 1:
        raise TwoTelegramIds(sorted(found))
    return found.pop() if found else None


def _id_in(text: str | None) -> int | None:
    """Return the Telegram id a pattern found, None if it is no number that can be one."""
    if not text or not text.isdecimal() or len(text) > 16:  # whoever writes the pattern may match anything
        return None
    return number if 0 < (number := int(text)) <= MOST_TELEGRAM_ID else None


def _places(
    candidate: panels.Candidate, match: re.Pattern[str] | None
) -> list[tuple[re.Pattern[str], str, bool]]:
    if match is not None:
        return [(match, candidate.note, False), (match, candidate.name, False)]
    return [
        (WORDED, candidate.note, False),
        (ALONE_IN_NOTE, candidate.note, True),
        (WORDED, candidate.name, False),
        (IN_NAME, candidate.name, True),
    ]


def preview(candidates: tuple[panels.Candidate, ...], rules: Rules, taken: set[int]) -> list[Verdict]:
    """Tell what would become of accounts, changing nothing; two queries however many they are.

    `taken` are Telegram ids that accounts before these would be given to; those of these are added.
    """
    fates = [_fate(each, rules) for each in candidates]
    ids = [fate.telegram_id for fate in fates if fate.telegram_id]
    known = {user.telegram_id: user for user in User.objects.filter(telegram_id__in=ids)}
    holders = set(Subscription.objects.filter(user__in=known.values()).values_list("user_id", flat=True))
    verdicts = []
    for fate in fates:
        customer = known.get(fate.telegram_id)
        why = fate.why_not or _why_not(customer, is_holder=bool(customer and customer.pk in holders))
        if not why and fate.telegram_id in taken:
            why = said("another account of Telegram %(id)s comes first", id=fate.telegram_id)
        if not why and fate.telegram_id:
            taken.add(fate.telegram_id)
        verdicts.append(_verdict(fate, why))
    return verdicts


def adopt(candidate: panels.Candidate, rules: Rules, *, actor: str) -> Verdict:
    """Make an account of a panel a subscription with its end, limit, name and keys; tell what became of it.

    Safe to repeat. Nothing is called. A customer who holds a subscription already keeps that one alone, so
    their other accounts stay what they are.
    """
    fate = _fate(candidate, rules)
    if fate.why_not:
        return _verdict(fate, fate.why_not)
    with transaction.atomic():
        customer = accounts.lock_customer(_customer(fate).pk)
        if Grant.objects.filter(source=source_of(candidate)).exists() or panels.is_known(candidate):
            return _verdict(fate, said("it is the shop's already"))
        if why := _why_not(customer, is_holder=customer.subscriptions.exists()):
            return _verdict(fate, why)
        _open(candidate, customer, rules, actor=actor)
    return _verdict(fate, None)


def _fate(candidate: panels.Candidate, rules: Rules) -> Fate:
    try:
        return Fate(candidate, telegram_id_of(candidate, rules.match))
    except TwoTelegramIds as unfit:
        ids = " + ".join(map(str, unfit.ids))
        return Fate(candidate, why_not=said("it names two Telegram ids: %(ids)s", ids=ids))


def _why_not(customer: User | None, *, is_holder: bool) -> Sentence | None:
    if customer is None:
        return None
    if customer.is_banned:
        return said("customer #%(number)s is banned", number=customer.pk)
    holds = said("customer #%(number)s holds a subscription already", number=customer.pk)
    return holds if is_holder else None


def _verdict(fate: Fate, why_not: Sentence | None) -> Verdict:
    candidate = fate.candidate
    telegram = said("Telegram %(id)s", id=fate.telegram_id) if fate.telegram_id else None
    becomes = telegram or said("a customer without Telegram")
    return Verdict(
        name=candidate.name,
        becomes=None if why_not else becomes,
        why_not=why_not,
        end=candidate.until.isoformat(),
        limit=candidate.traffic_limit,
    )


def _customer(fate: Fate) -> User:
    if fate.telegram_id:
        return accounts.expect_customer(telegram_id=fate.telegram_id)
    name = fate.candidate.name
    return accounts.expect_customer(username=f"adopted:{fate.candidate.panel.pk}:{name}", first_name=name)


def _open(candidate: panels.Candidate, customer: User, rules: Rules, *, actor: str) -> Subscription:
    terms, now = rules.terms, candidate.seen_at
    access = panels.take_over(
        candidate,
        customer,
        devices=terms.devices,
        groups=rules.groups,
        panel_count=terms.conditions.get("panel_count", 1),
        enforces_devices=terms.conditions.get("device_mode") == Plan.DeviceMode.STRICT,
        actor=actor,
    )
    grant = first_grant(
        terms,
        source=source_of(candidate),
        seconds=max(int((candidate.until - now).total_seconds()), 0),
        traffic=candidate.traffic_limit,
        began_at=now,  # it has what is left of its traffic already
        ends_after=candidate.until,
        actor=actor,
        reason=f"Came as account {candidate.name} of panel {candidate.panel}"[:300],
    )
    subscription = hold(
        access,
        grant,
        used=candidate.used_bytes,
        state=Subscription.State.ACTIVE if candidate.until > now else Subscription.State.EXPIRED,
        is_disabled=candidate.is_stopped,
        disabled_reason="It was switched off on the panel it came from." if candidate.is_stopped else "",
    )
    data = {"source": grant.source, "plan": rules.plan.code, "panel": candidate.panel.name}
    note(subscription, customer, "subscription.adopted", actor=actor, data=data)
    return subscription


def source_of(candidate: panels.Candidate) -> str:
    """Return the grant's source; a name too long for it is stood for by its hash."""
    source = f"adopt:{candidate.panel.pk}:{candidate.name}"
    if len(source) <= SOURCE_LENGTH:
        return source
    return f"adopt:{candidate.panel.pk}:#{sha256(candidate.name.encode()).hexdigest()[:48]}"


def link_to_telegram(customer_id: int, *, telegram_id: int, actor: str) -> User:
    """Give an adopted customer without Telegram to the person with this id; return who has it all now.

    Where that person is a customer already, the subscription becomes theirs. Raises NotAdopted if the
    customer has a Telegram id or nothing to hand over, or if the person holds a subscription or is banned.
    """
    try:
        return _link(customer_id, telegram_id, actor)
    except TelegramIdTaken:  # the person has come to the bot since we looked for them
        return _link(customer_id, telegram_id, actor)


@transaction.atomic
def _link(customer_id: int, telegram_id: int, actor: str) -> User:
    other = User.objects.filter(telegram_id=telegram_id).first()
    both = {customer_id, other.pk} if other else {customer_id}
    locked = {key: accounts.lock_customer(key) for key in sorted(both)}
    customer = locked[customer_id]
    if customer.telegram_id is not None or customer.is_staff:
        raise NotAdopted(f"customer #{customer.pk} is not one who waits for a Telegram id")
    if other is None:
        accounts.set_telegram_id(customer, telegram_id=telegram_id, actor=actor)
        return customer
    _hand_over(customer, locked[other.pk], actor=actor)
    return locked[other.pk]


def _hand_over(customer: User, other: User, *, actor: str) -> None:
    if why := _why_not(other, is_holder=other.subscriptions.exists()):
        raise NotAdopted(str(why))
    held = list(customer.subscriptions.select_related("access"))
    if not held:
        raise NotAdopted(f"customer #{customer.pk} holds nothing to hand over")
    for subscription in held:
        subscription.user = other
        subscription.save(update_fields=["user"])
        panels.give_to(subscription.access, other)
        note(subscription, other, "subscription.handed_over", actor=actor, data={"from": customer.pk})
        note(subscription, customer, "subscription.handed_over", actor=actor, data={"to": other.pk})

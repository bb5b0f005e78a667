"""A role with one known bug in it, to show that a proof notices: `python -m tests.proof.planted BUG ROLE...`

Only proofs use this. Each bug takes one promise out of the code as it is imported, in this process alone.
"""

import asyncio
import os
import sys
import uuid
from collections.abc import Callable
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def confirm_before_storing() -> None:
    """Tell Telegram that a batch has arrived before it is in the inbox, as most bot libraries do."""
    from telegram_bot.process.poller import Poller

    fetch = Poller._fetch

    async def fetch_and_confirm(self: Any) -> list[dict[str, Any]]:
        payloads = await fetch(self)
        if payloads:
            self._offset = max(payload["update_id"] for payload in payloads) + 1
            await self._request.post(f"{_base()}/getUpdates?offset={self._offset}&limit=1&timeout=0")
            await asyncio.sleep(
                0.3
            )  # as a busy process would; else a kill would meet this moment by luck only
        return payloads

    Poller._fetch = fetch_and_confirm


def skip_the_lock() -> None:
    """Give the trial without the customer's lock and without looking whether they had it."""
    from accounts.models import User
    from subscriptions import services
    from subscriptions.models import Plan, TrialUse
    from subscriptions.services import terms, trials

    def take_trial(customer_id: int, *, actor: str) -> Any:
        plan = Plan.objects.get(is_trial=True, is_open=True)
        customer = User.objects.get(pk=customer_id)
        subscription = terms.open_subscription(
            customer, terms.terms_of(plan), source=f"trial:{uuid.uuid4().hex}", actor=actor
        )
        TrialUse.objects.get_or_create(
            identity_hash=trials.identity_hash(customer), defaults={"subscription": subscription}
        )
        return subscription

    services.take_trial = take_trial


def name_after_the_call() -> None:
    """Choose a new name for an account at each try, instead of committing it before the first."""
    from core.models import Installation
    from vpnpanel.services import placement

    work = placement._work

    def work_with_a_fresh_name(access: Any, account: Any, **facts: Any) -> Any:
        if account.serving_at is None:
            account.name = placement._new_name(Installation.objects.get())
            account.save(update_fields=["name"])
        return work(access, account, **facts)

    placement._work = work_with_a_fresh_name


BUGS: dict[str, Callable[[], None]] = {
    "confirm-before-storing": confirm_before_storing,
    "skip-the-lock": skip_the_lock,
    "name-after-the-call": name_after_the_call,
}


def _base() -> str:
    from django.conf import settings

    return f"{settings.TELEGRAM_API_BASE_URL}/bot{settings.TELEGRAM_BOT_TOKEN}"


def main(bug: str, arguments: list[str]) -> None:
    """Plant the bug, then be manage.py or celery with the arguments given."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vpnservice.settings")
    sys.path.insert(0, ROOT)
    import django

    django.setup()
    from tests.proof import planted_money, planted_panels

    (BUGS | planted_money.BUGS | planted_panels.BUGS)[bug]()
    if arguments[0] == "celery":
        from celery.__main__ import main as celery

        sys.argv = arguments
        celery()
    else:
        from django.core.management import execute_from_command_line

        execute_from_command_line(["manage.py", *arguments])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

"""The shop's database as an auditor reads it, a process of its own: `python -m tests.proof.books URL...`

It prepares the database (for two 3x-ui panels too, if it gets their addresses), says `ready`, then answers
each line it is given, a word and what it takes, with one line of JSON.
"""

import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vpnservice.settings")
django.setup()

from django_celery_beat.models import IntervalSchedule, PeriodicTask  # noqa: E402

from accounts.models import User  # noqa: E402
from core.models import Lease  # noqa: E402
from notifications.models import OutboxMessage  # noqa: E402
from subscriptions.models import Grant, TrialUse  # noqa: E402
from subscriptions.services.trials import identity_hash  # noqa: E402
from telegram_bot.models import Update  # noqa: E402
from tests.proof import money_books, panel_books  # noqa: E402
from vpnpanel.models import Access, PanelAccount  # noqa: E402
from vpnservice.demo.database import prepare_database  # noqa: E402


def unfinished() -> dict[str, int]:
    """Count what is still on its way."""
    return {
        "updates": Update.objects.filter(state__in=Update.OPEN).count(),
        "accesses": Access.objects.filter(is_dirty=True).count(),
        "messages": OutboxMessage.objects.filter(state=OutboxMessage.State.PENDING).count(),
        **money_books.unfinished_money(),
    }


def customers() -> dict[int, dict[str, Any]]:
    """Return what each customer holds, by Telegram id."""
    found: dict[int, dict[str, Any]] = {}
    accounts, messages = _by_customer(_accounts()), _by_customer(_messages())
    for user in User.objects.filter(telegram_id__isnull=False).prefetch_related("subscriptions__access"):
        held = list(user.subscriptions.all())
        found[user.telegram_id or 0] = {
            "trials": TrialUse.objects.filter(identity_hash=identity_hash(user)).count(),
            "grants": Grant.objects.filter(subscription__user=user).count(),
            "ends": [int(each.expires_at.timestamp()) for each in held],
            "links": [each.link for each in held],
            "behind": [each.pk for each in held if each.access.applied_generation != each.access.generation],
            "accounts": accounts[user.pk],
            "ready": messages[user.pk],
        }
    return found


def _accounts() -> list[tuple[int, Any]]:
    return [
        (
            account.access.user_id,
            {
                "name": account.name,
                "placement": account.placement,
                "status": account.observed_status,
                "until": int(account.observed_until.timestamp()) if account.observed_until else None,
                "links": account.links,
            },
        )
        for account in PanelAccount.objects.select_related("access")
    ]


def _messages() -> list[tuple[int, Any]]:
    rows = OutboxMessage.objects.filter(kind="access_ready").values_list("user", "state")
    return [(user_id, state) for user_id, state in rows]


def _by_customer(rows: list[tuple[int, Any]]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for user_id, row in rows:
        found[user_id].append(row)
    return found


def updates() -> dict[int, str]:
    """Return the state of every update in the inbox, by Telegram's number."""
    return dict(Update.objects.values_list("update_id", "state"))


def active_bot() -> int | None:
    """Return the process id of the bot that holds the lease."""
    holder = Lease.objects.filter(name="bot").values_list("holder", flat=True).first()
    return int(holder.rpartition(":")[2]) if holder else None


def probe_often() -> int:
    """Look for panels that are back every 3 s, as staff may set it."""
    interval, _ = IntervalSchedule.objects.get_or_create(every=3, period="seconds")
    return PeriodicTask.objects.filter(task="vpnpanel.tasks.probe_panels").update(interval=interval)


WORDS: dict[str, Callable[..., Any]] = {
    **{each.__name__: each for each in (unfinished, customers, updates, active_bot, probe_often)},
    **money_books.WORDS,
    **panel_books.WORDS,
}


def main(panel_url: str, *xui_urls: str) -> None:
    prepare_database(panel_url=panel_url)
    if xui_urls:
        panel_books.add_panels(*xui_urls)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        word, *given = line.split()
        sys.stdout.write(json.dumps(WORDS[word](*given)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])

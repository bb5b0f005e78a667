"""Makes customers with keys for the benchmark of the link, and writes their tokens to a file.

Usage: python -m benchmarks.feed_rows CUSTOMERS FILE (with the settings of the shop in the environment)
"""

import sys
import uuid
from datetime import timedelta
from pathlib import Path

import django

PANELS = 3
LINKS = 2  # of each panel


def link(panel: int, number: int, secret: str) -> str:
    keys = "pbk=Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyMTI&sid=6ba85179e30d4fc2"
    return (
        f"vless://{secret}@host{panel}.example.com:{443 + number}?encryption=none&security=reality&type=tcp"
        f"&flow=xtls-rprx-vision&sni=www.example.org&fp=chrome&{keys}#remark%20{number}"
    )


def make(customers: int) -> list[str]:
    """Return the tokens of so many customers, each with an account on every panel."""
    from accounts.models import User
    from core import clock
    from subscriptions.models import Plan, Subscription
    from subscriptions.services import change_rules
    from subscriptions.tokens import fresh_token, hash_of
    from vpnpanel.models import Access, Panel, PanelAccount

    change_rules(fetches_per_minute=1000, announce_en="Maintenance tonight", actor="benchmark")
    panels = [
        Panel.objects.create(name=f"p{number}", base_url=f"http://127.0.0.1:9/{number}", location="Paris")
        for number in range(PANELS)
    ]
    until, plan = clock.now() + timedelta(days=30), Plan.objects.get(code="month")
    people = User.objects.bulk_create(
        [
            User(username=f"tg{number}", telegram_id=number, language="ru")
            for number in range(1, customers + 1)
        ]
    )
    accesses = Access.objects.bulk_create(
        [Access(user=user, until=until, traffic_limit=2**40, is_dirty=False) for user in people]
    )
    tokens = [fresh_token() for _ in accesses]
    Subscription.objects.bulk_create(
        Subscription(
            user=access.user,
            plan=plan,
            access=access,
            expires_at=until,
            token=token,
            token_hash=hash_of(token),
        )
        for access, token in zip(accesses, tokens, strict=True)
    )
    PanelAccount.objects.bulk_create(
        PanelAccount(
            access=access, panel=panel, name=f"{panel.pk}_{access.pk}", placement="serving",
            observed_status="active", applied_generation=1, used_bytes=2**30,
            links=[link(place, number, str(uuid.uuid4())) for number in range(LINKS)],
        )
        for access in accesses
        for place, panel in enumerate(panels)
    )  # fmt: skip
    return tokens


if __name__ == "__main__":
    django.setup()
    Path(sys.argv[2]).write_text("\n".join(make(int(sys.argv[1]))))

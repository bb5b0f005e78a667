"""What a full sync of a panel would find, told without writing anything down."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from core import clock
from core.models import Installation
from vpnpanel.comparing import is_due, look, rows_shown
from vpnpanel.connections import driver_for
from vpnpanel.guard.examination import is_of_a_test
from vpnpanel.models import Panel, SyncFinding
from vpnpanel.services.strays import looks_ours
from vpnpanel.services.sync import wanted_on

Kind = SyncFinding.Kind


@dataclass(frozen=True)
class Line:
    """One account that differs: field -> [the panel shows, the shop wants]."""

    kind: str
    name: str
    access: int | None = None
    details: dict[str, list[Any]] = field(default_factory=dict)


def diff(panel: Panel, installation: Installation, counts: Counter[str]) -> Iterator[Line]:
    """Read a whole panel and yield what differs. Counts accounts, foreign ones and those that wait meanwhile.

    Accounts whose access is being applied anyway are no difference. Raises PanelError.
    """
    began_at = clock.now()
    seen: set[int] = set()
    driver = driver_for(panel)
    try:
        for page in driver.pages():
            yield from (Line(Kind.UNREADABLE, text) for text in page.unreadable)
            shown = {each.name: each for each in page.accounts}
            rows = list(rows_shown(panel, shown))
            seen.update(row.pk for row in rows)
            for each in look(panel, rows, shown).differing:
                account = each.account
                if is_due(account.access, began_at):
                    yield Line(each.kind, account.name, account.access_id, each.details)
                else:
                    counts["waiting"] += 1
            names = shown.keys() - {row.name for row in rows}
            others = [shown[name] for name in names if not is_of_a_test(name, installation.short)]
            strange = [each for each in others if looks_ours(installation, each)]
            yield from (Line(Kind.STRAY, each.name) for each in strange)
            counts["accounts"] += len(rows)
            counts["foreign"] += len(others) - len(strange)
    finally:
        driver.close()
    for account in wanted_on(panel, began_at).only("name", "access").order_by("pk").iterator():
        if account.pk not in seen:
            yield Line(Kind.MISSING, account.name, account.access_id)

"""The panel's poll: counts what flowed, starts waiting clients, cuts off who ran out, renews by itself."""

from __future__ import annotations

from sandbox.xui.panel import XuiPanel
from sandbox.xui.state import Client, Row

DAY_MS = 86_400_000


def poll_seconds(panel: XuiPanel) -> float:
    if panel.state.poll_seconds is not None:
        return panel.state.poll_seconds
    return 5 if panel.since(3, 0, 0) else 10


def poll_if_due(panel: XuiPanel) -> None:
    """Poll once if the panel's clock has passed a whole interval since, in either direction."""
    now = panel.clock.now()
    if not 0 <= now - panel.state.polled_at < poll_seconds(panel):
        poll(panel)


def poll(panel: XuiPanel) -> None:
    panel.state.polled_at = panel.clock.now()
    moved = count_what_flowed(panel)
    for row in moved:
        if row.expiry < 0:
            start(panel, row)
    now = panel.now_ms
    renewed = [row for row in panel.state.rows.values() if row.reset > 0 and row.is_over(now)]
    for row in renewed:
        renew(panel, row, now)
    cut = [row for row in panel.state.rows.values() if row.enable and (row.is_used_up or row.is_over(now))]
    for row in cut:
        cut_off(panel, row)
    if cut and panel.version == (2, 9, 4):
        # This one version restarts its core whenever somebody runs out, and so drops everybody.
        panel.restart_core()


def count_what_flowed(panel: XuiPanel) -> list[Row]:
    moved = []
    for email, size in panel.state.waiting.items():
        row = panel.state.rows.get(email)
        if row is not None:
            row.up += size // 8
            row.down += size - size // 8
            row.all_time += size
            row.last_online = panel.now_ms
            moved.append(row)
            panel.changed(email)
    panel.state.waiting = {}
    return moved


def start(panel: XuiPanel, row: Row) -> None:
    """Turn a length of time into an end, at the first traffic."""
    row.expiry = panel.now_ms - row.expiry
    rewrite(panel, row.email, {"expiryTime": row.expiry})


def renew(panel: XuiPanel, row: Row, now_ms: int) -> None:
    while row.is_over(now_ms):
        row.expiry += row.reset * DAY_MS
    row.up = row.down = 0
    row.enable = True
    rewrite(panel, row.email, {"expiryTime": row.expiry, "enable": True})


def cut_off(panel: XuiPanel, row: Row) -> None:
    """Shut a client out; from 2.9.4 on its own flag falls too."""
    row.enable = False
    if panel.since(2, 9, 4):
        rewrite(panel, row.email, {"enable": False})
    else:
        for inbound, client in panel.state.places_of(row.email):
            panel.let_in(inbound, client)
    panel.changed(row.email)


def rewrite(panel: XuiPanel, email: str, change: Client) -> None:
    """Change one client wherever it is stored. A writer who has read the old list undoes this."""
    record = panel.state.records.get(email)
    if record is not None:
        record.fields = record.fields | change
    for inbound, client in panel.state.places_of(email):
        changed = client | change
        inbound.clients = [changed if each is client else each for each in inbound.clients]
        panel.let_in(inbound, changed)

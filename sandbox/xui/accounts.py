"""What the core would let in, by email: the panel as the sandbox's control calls and pages show it."""

from __future__ import annotations

from typing import Any

from sandbox.xui.links import links_on
from sandbox.xui.panel import XuiPanel
from sandbox.xui.state import Client, Inbound
from sandbox.xui.subscription import PATH

Place = tuple[Inbound, Client]


def accounts(panel: XuiPanel, *, newest: int | None = None) -> list[dict[str, Any]]:
    """Give who is stored, oldest first (the `newest` alone), then names that only the core still knows."""
    places: dict[str, list[Place]] = {email: [] for email in panel.state.records}
    for inbound, client in panel.state.placed():
        places.setdefault(str(client.get("email", "")), []).append((inbound, client))
    emails = list(places)[max(0, len(places) - newest) :] if newest is not None else list(places)
    shown = [account(panel, email, places[email]) for email in emails]
    core = (email for keys in panel.state.core.values() for email in keys)
    lost = [email for email in dict.fromkeys(core) if email not in places]
    return shown + [account(panel, email, []) | ZOMBIE for email in lost]


ZOMBIE = {"status": "zombie", "zombie": True}


def account(panel: XuiPanel, email: str, places: list[Place]) -> dict[str, Any]:
    record, row = panel.state.records.get(email), panel.state.rows.get(email)
    fields = record.fields if record is not None else places[0][1] if places else {}
    expiry = int(fields.get("expiryTime") or 0)
    host = panel.state.public_host or panel.name
    created = record.created if record is not None else int(fields.get("created_at") or 0)
    return {
        "username": email,
        "status": status_of(panel, email, fields),
        "expire": expiry // 1000 if expiry > 0 else None,
        "data_limit": int(fields.get("totalGB") or 0) or None,
        "used_traffic": row.used if row is not None else 0,
        "online_at": row.last_online / 1000 if row is not None and row.last_online else None,
        "created_at": created / 1000 if created else None,
        "note": fields.get("comment") or None,
        "links": [each for inbound, client in places for each in links_on(panel, inbound, client, host)],
        "subscription_url": f"{PATH}{fields.get('subId')}" if places else None,
        "sub_id": fields.get("subId"),
        "can_connect": bool(panel.lets_in(email)),
        "let_in_by": panel.lets_in(email),
        "inbounds": [inbound.id for inbound, _ in places],
        "enable": fields.get("enable"),
        "row_enable": row.enable if row is not None else None,
        "uuid": fields.get("id"),
        "client": fields,
        "zombie": False,
    }


def status_of(panel: XuiPanel, email: str, fields: Client) -> str:
    row = panel.state.rows.get(email)
    if row is not None and row.is_over(panel.now_ms):
        return "expired"
    if row is not None and row.is_used_up:
        return "limited"
    if not fields.get("enable"):
        return "disabled"
    return "on_hold" if int(fields.get("expiryTime") or 0) < 0 else "active"

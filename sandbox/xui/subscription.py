"""The panel's own subscription server; the sandbox has it on the panel's port."""

from __future__ import annotations

import base64

from aiohttp import web

from sandbox.xui.clients_api import host_of
from sandbox.xui.links import links_on
from sandbox.xui.panel import XuiPanel
from sandbox.xui.state import Client, Row
from sandbox.xui.versions import CLIENTS

PATH = "/sub/"


def subscription(panel: XuiPanel, sub_id: str, request: web.Request) -> web.Response:
    """Give the links of everybody with this subId, in base64, with the sums of their counters."""
    places = [(inbound, client) for inbound, client in panel.state.placed() if client.get("subId") == sub_id]
    if not panel.since(2, 9, 4):
        places = [(inbound, client) for inbound, client in places if client.get("enable")]
    if not places:
        known = panel.since(*CLIENTS)
        return web.Response(status=404 if known else 400, text="" if known else "Error!")
    host = host_of(request)
    links = [each for inbound, client in places for each in links_on(panel, inbound, client, host)]
    headers = {"Subscription-Userinfo": userinfo(panel, [client for _, client in places])}
    headers |= {"Profile-Update-Interval": "12"}
    text = base64.b64encode("".join(f"{each}\n" for each in links).encode()).decode()
    return web.Response(text=text, headers=headers)


def userinfo(panel: XuiPanel, clients: list[Client]) -> str:
    """Sum the rows: one without a limit makes all unlimited, ends that differ make none."""
    emails = dict.fromkeys(str(client.get("email", "")) for client in clients)
    rows: list[Row] = [panel.state.rows[email] for email in emails if email in panel.state.rows]
    total = sum(row.total for row in rows) if all(row.total for row in rows) else 0
    ends = {row.expiry for row in rows}
    end = max(0, ends.pop() // 1000) if len(ends) == 1 else 0
    upload, download = sum(row.up for row in rows), sum(row.down for row in rows)
    return f"upload={upload}; download={download}; total={total}; expire={end}"

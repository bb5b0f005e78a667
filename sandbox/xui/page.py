"""A page at the panel's own address for people who want to look: its clients, refreshed by itself."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sandbox.xui.accounts import accounts
from sandbox.xui.panel import XuiPanel
from sandbox.xui.state import Inbound
from sandbox.xui.versions import CLIENTS

SHOWN = 500
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{name}: clients</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }}
h1 {{ font-size: 1.3rem; margin: 0; }} p {{ opacity: .7; margin: .2rem 0 1.2rem; }}
h2 {{ font-size: 1rem; margin: 1.6rem 0 .2rem; }}
.wide {{ overflow-x: auto; }} table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .45rem .7rem; border-bottom: 1px solid #8883; white-space: nowrap; }}
th {{ font-weight: 600; opacity: .6; font-size: .85em; }}
b {{ font-weight: 600; padding: .1rem .5rem; border-radius: 1rem; font-size: .85em; background: #8882; }}
.active b {{ background: #2a94; }} .on_hold b {{ background: #48c4; }} .limited b {{ background: #da24; }}
.expired b, .disabled b, .zombie b {{ background: #c444; }}
</style></head><body>
<h1>{name} · 3x-ui {version} stand-in</h1>
<p>{dialect} dialect, {count} clients, {keys} keys in the core, {now} UTC</p>
<div class="wide"><table><thead><tr><th>Inbound</th><th>Protocol</th><th>Port</th><th>Clients</th>
<th>Core lets in</th></tr></thead><tbody>{inbounds}</tbody></table></div>
<h2>Clients</h2>
<div class="wide"><table><thead><tr><th>Email</th><th>Status</th><th>Inbounds</th><th>Ends</th>
<th>Traffic</th><th>Core lets in</th><th>subId</th><th>Comment</th></tr></thead>
<tbody>{rows}</tbody></table></div>
</body></html>"""


def cells(*values: Any) -> str:
    return "".join(f"<td>{html.escape(str(value))}</td>" for value in values)


def moment(seconds: float | None) -> str:
    if not seconds:
        return "never"
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "beyond all dates"


def size(number: int) -> str:
    return f"{number / 2**30:.2f} GB"


def inbound_row(panel: XuiPanel, inbound: Inbound) -> str:
    keys = len(panel.state.core.get(inbound.id, {}))
    return f"<tr>{cells(inbound.tag, inbound.protocol, inbound.port, len(inbound.clients), keys)}</tr>"


def client_row(account: dict[str, Any]) -> str:
    limit = size(account["data_limit"]) if account["data_limit"] else "unlimited"
    where = ", ".join(str(number) for number in account["inbounds"]) or "—"
    lets_in = ", ".join(str(number) for number in account["let_in_by"]) or "no"
    status = html.escape(account["status"])
    first = cells(account["username"]) + f"<td><b>{status}</b></td>"
    traffic = f"{size(account['used_traffic'])} of {limit}"
    more = (lets_in, account["sub_id"] or "", account["note"] or "")
    return f'<tr class="{status}">{first}{cells(where, moment(account["expire"]), traffic, *more)}</tr>'


def clients_page(panel: XuiPanel) -> web.Response:
    """Show the inbounds, then the newest clients, those that only the core knows among them."""
    shown = accounts(panel, newest=SHOWN)
    text = PAGE.format(
        name=html.escape(panel.name),
        version=html.escape(panel.state.version),
        dialect="clients" if panel.since(*CLIENTS) else "legacy",
        count=len({client.get("email") for _, client in panel.state.placed()} | set(panel.state.records)),
        keys=sum(len(keys) for keys in panel.state.core.values()),
        now=moment(panel.clock.now()),
        inbounds="".join(inbound_row(panel, inbound) for inbound in panel.state.inbounds.values()),
        rows="".join(client_row(account) for account in reversed(shown)),
    )
    return web.Response(text=text, content_type="text/html", headers={"Cache-Control": "no-store"})

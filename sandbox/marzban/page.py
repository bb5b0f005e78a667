"""A page at the panel's own address for people who want to look: its users, refreshed by itself."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sandbox.marzban.links import readable_size
from sandbox.marzban.panel import Panel
from sandbox.marzban.review import review_if_due
from sandbox.marzban.state import User

SHOWN = 500
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{name}: users</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }}
h1 {{ font-size: 1.3rem; margin: 0; }} p {{ opacity: .7; margin: .2rem 0 1.2rem; }}
.wide {{ overflow-x: auto; }} table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .45rem .7rem; border-bottom: 1px solid #8883; white-space: nowrap; }}
th {{ font-weight: 600; opacity: .6; font-size: .85em; }}
b {{ font-weight: 600; padding: .1rem .5rem; border-radius: 1rem; font-size: .85em; background: #8882; }}
.active b {{ background: #2a94; }} .on_hold b {{ background: #48c4; }} .limited b {{ background: #da24; }}
.expired b, .disabled b, .zombie b {{ background: #c444; }}
</style></head><body>
<h1>{name} · Marzban 0.8.4 stand-in</h1><p>{count} users, {keys} keys in the core, {now} UTC</p>
<div class="wide"><table><thead><tr><th>User</th><th>Status</th><th>Expires</th><th>Traffic</th><th>Owner</th>
<th>Core lets in</th><th>Note</th></tr></thead><tbody>{rows}</tbody></table></div></body></html>"""


def moment(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "beyond all dates"


def row(status: str, *cells: Any) -> str:
    inner = "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells[1:])
    name = html.escape(str(cells[0]))
    return f'<tr class="{status}"><td>{name}</td><td><b>{status}</b></td>{inner}</tr>'


def user_row(panel: Panel, user: User) -> str:
    limit = "unlimited" if user.data_limit is None else readable_size(user.data_limit)
    traffic = f"{readable_size(user.used_traffic)} of {limit}"
    lets_in = "yes" if user.key in panel.state.core and panel.state.core_started else "no"
    return row(
        user.status, user.username, moment(user.expire), traffic, user.owner or "—", lets_in, user.note or ""
    )


def users_page(panel: Panel) -> web.Response:
    """Show the newest users and every zombie."""
    review_if_due(panel)
    newest = [user for user, _ in zip(reversed(panel.state.users.values()), range(SHOWN), strict=False)]
    lost = [
        row("zombie", key.username, "", "", "—", "yes", f"key {name}, no row")
        for name, key in panel.state.zombies().items()
    ]
    text = PAGE.format(
        name=html.escape(panel.name),
        count=len(panel.state.users),
        keys=len(panel.state.core),
        now=moment(panel.clock.now()),
        rows="".join(lost + [user_row(panel, user) for user in newest]),
    )
    return web.Response(text=text, content_type="text/html", headers={"Cache-Control": "no-store"})

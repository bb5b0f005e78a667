"""A page at the stand-in's own address for people who want to look: its payments, refreshed by itself."""

from __future__ import annotations

import html
from datetime import UTC, datetime

from aiohttp import web

from sandbox.yookassa.cashier import Cashier
from sandbox.yookassa.page import roubles
from sandbox.yookassa.page_texts import METHOD_NAMES
from sandbox.yookassa.state import Payment

SHOWN = 500
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>YooKassa stand-in: payments</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }}
h1 {{ font-size: 1.3rem; margin: 0; }} p {{ opacity: .7; margin: .2rem 0 1.2rem; }}
.wide {{ overflow-x: auto; }} table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .45rem .7rem; border-bottom: 1px solid #8883; white-space: nowrap; }}
th {{ font-weight: 600; opacity: .6; font-size: .85em; }} .sum {{ text-align: right; }}
b {{ font-weight: 600; padding: .1rem .5rem; border-radius: 1rem; font-size: .85em; background: #8882; }}
.succeeded b {{ background: #2a94; }} .waiting_for_capture b {{ background: #48c4; }}
.canceled b {{ background: #c444; }}
</style></head><body>
<h1>YooKassa · API v3 stand-in</h1><p>{count} payments, {paid} taken, {returned} given back</p>
<div class="wide"><table><thead><tr><th>Made (UTC)</th><th>Status</th><th class="sum">Amount</th>
<th class="sum">Given back</th><th>Paid with</th><th>Shop</th><th>For</th><th>Payment</th></tr></thead>
<tbody>{rows}</tbody></table></div></body></html>"""


class LedgerPage:
    """Handler of the stand-in's front page."""

    def __init__(self, cashier: Cashier) -> None:
        self.cashier = cashier

    async def show(self, request: web.Request) -> web.Response:
        """Show the newest payments; the ones that wait lead to their pay page."""
        payments = self.cashier.books.payments.values()
        newest = [payment for payment, _ in zip(reversed(payments), range(SHOWN), strict=False)]
        text = PAGE.format(
            count=len(payments),
            paid=roubles(sum(payment.captured for payment in payments), "en"),
            returned=roubles(sum(payment.refunded for payment in payments), "en"),
            rows="".join(row(payment) for payment in newest),
        )
        return web.Response(text=text, content_type="text/html", headers={"Cache-Control": "no-store"})


def row(payment: Payment) -> str:
    kind = (payment.method or {}).get("type", "")
    why = (payment.cancellation or {}).get("reason", "")
    told = html.escape(f"{payment.status} ({why})" if why else payment.status)
    name = payment.id
    if payment.status == "pending" and payment.confirmation is not None:
        name = f'<a href="/pay/{payment.id}">{payment.id}</a>'
    made = datetime.fromtimestamp(payment.created_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    returned = roubles(payment.refunded, "en") if payment.refunded else ""
    way = METHOD_NAMES[kind]["en"] if kind else ""
    described = html.escape(payment.description or "")
    return (
        f'<tr class="{payment.status}"><td>{made}</td><td><b>{told}</b></td>'
        f'<td class="sum">{roubles(payment.amount, "en")}</td><td class="sum">{returned}</td>'
        f"<td>{way}</td><td>{html.escape(payment.shop_id)}</td><td>{described}</td><td>{name}</td></tr>"
    )

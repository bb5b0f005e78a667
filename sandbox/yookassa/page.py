"""The page a payer is sent to: pay with a method, be declined for a reason, or walk away."""

from __future__ import annotations

import html
import math
import secrets
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.yookassa.cashier import REASONS, Cashier, WrongState, ways_to_pay
from sandbox.yookassa.errors import ApiError
from sandbox.yookassa.page_texts import METHOD_NAMES, TEXTS
from sandbox.yookassa.state import Payment, Shop

# No X-Frame-Options: the sandbox's page shows this one beside the chat.
SECURITY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; script-src 'nonce-{nonce}'"
STYLE = (Path(__file__).parent / "pay.css").read_text()
SCRIPT = (Path(__file__).parent / "pay.js").read_text()


class PayPage:
    """Handlers of /pay/<payment>: the only part of the stand-in that people see."""

    def __init__(self, cashier: Cashier) -> None:
        self.cashier = cashier

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/pay/{id}", self.show)
        router.add_post("/pay/{id}", self.act)

    def _payment(self, request: web.Request) -> Payment:
        payment = self.cashier.books.payments.get(request.match_info["id"])
        if payment is None or payment.confirmation is None:
            raise web.HTTPNotFound(text="There is no such payment.")
        return payment

    async def show(self, request: web.Request) -> web.Response:
        payment = self._payment(request)
        shop = self.cashier.books.shops[payment.shop_id]
        nonce = secrets.token_urlsafe(12)
        text = page(payment, shop, language_of(request, payment), self.cashier.clock.now(), nonce)
        headers = {
            "Content-Security-Policy": SECURITY.format(nonce=nonce),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        }
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def act(self, request: web.Request) -> web.Response:
        """Pay or decline, then show what came of it; a second press changes nothing."""
        payment, form = self._payment(request), await request.post()
        try:
            if form.get("action") == "pay":
                save = "save" in form if payment.wants_saving is None else None
                self.cashier.pay(payment, str(form.get("method", "")) or None, save=save)
            elif form.get("action") == "decline" and form.get("reason") in REASONS:
                self.cashier.decline(payment, str(form["reason"]))
            else:
                raise web.HTTPBadRequest(text="Pay or decline?")
        except WrongState:
            pass
        except ApiError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        raise web.HTTPSeeOther(request.rel_url)


def language_of(request: web.Request, payment: Payment) -> str:
    """Give en or ru: as asked in the address, by the shop, or by the browser."""
    wishes = (
        request.query.get("lang", ""),
        (payment.confirmation or {}).get("locale", "") or "",
        request.headers.get("Accept-Language", ""),
    )
    wish = next((wish for wish in wishes if wish[:2] in TEXTS), "en")
    return wish[:2]


def page(payment: Payment, shop: Shop, language: str, now: float, nonce: str) -> str:
    texts = TEXTS[language]
    body = {"pending": choices, "waiting_for_capture": outcome, "succeeded": outcome, "canceled": outcome}
    other = "ru" if language == "en" else "en"
    amount = roubles(payment.amount, language)
    described = html.escape(payment.description or "")
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{texts['title']}: {amount}</title><style>{STYLE}</style></head><body><main>"
        f"<header><span>{html.escape(shop.name)}</span>"
        f'<a href="?lang={other}" lang="{other}">{TEXTS[other]["language"]}</a></header>'
        f'<section class="card"><p class="soft">{described}</p><p class="amount">{amount}</p>'
        f"{body[payment.status](payment, shop, texts, now)}</section>"
        f"<footer>{texts['notice']}<br>{payment.id}</footer></main>"
        f'<script nonce="{nonce}">{SCRIPT}</script></body></html>'
    )


def way_back(payment: Payment, words: str, look: str = "button") -> str:
    address = (payment.confirmation or {}).get("return_url", "")
    if not address.startswith(("http://", "https://", "tg://")):
        return ""
    return f'<a class="{look}" data-return="{payment.id}" href="{html.escape(address)}">{words}</a>'


def choices(payment: Payment, shop: Shop, texts: dict[str, Any], now: float) -> str:
    """Show a pending payment: the ways to pay, the reasons to be declined, the way out."""
    minutes = max(math.ceil((payment.closes_at - now) / 60), 0)
    ways = "".join(
        f'<label class="way"><input type="radio" name="method" value="{kind}" {"" if number else "checked"}>'
        f"{METHOD_NAMES[kind][texts['code']]}</label>"
        for number, kind in enumerate(ways_to_pay(payment, shop))
    )
    saving = ""
    if payment.wants_saving is None:
        saving = f'<label class="way"><input type="checkbox" name="save">{texts["save"]}</label>'
    elif payment.wants_saving:
        saving = f'<p class="soft">{texts["will_save"]}</p>'
    reasons = "".join(
        f'<option value="{reason}">{texts["reasons"].get(reason, reason)}</option>' for reason in REASONS
    )
    return (
        f'<p class="soft">{texts["window"].format(minutes=minutes)}</p>'
        f'<form method="post"><fieldset><legend>{texts["method"]}</legend>{ways}{saving}</fieldset>'
        f'<button class="main" name="action" value="pay">{texts["pay"]}</button></form>'
        f"<details><summary>{texts['trouble']}</summary>"
        f'<form method="post"><select name="reason" aria-label="{texts["reason"]}">{reasons}</select>'
        f'<button name="action" value="decline">{texts["decline"]}</button></form></details>'
        f"{way_back(payment, texts['leave'])}"
    )


def outcome(payment: Payment, shop: Shop, texts: dict[str, Any], now: float) -> str:
    """Show what became of a payment, and the way back to the shop."""
    reason = (payment.cancellation or {}).get("reason", "")
    said = texts["states"][payment.status]
    if reason.startswith("expired"):
        said = texts["states"]["expired"]
    why = texts["reasons"].get(reason, reason)
    look = "bad" if payment.status == "canceled" else "good"
    more = f'<p class="soft">{html.escape(why)}</p>' if why else ""
    if payment.refunded:
        more += f'<p class="soft">{texts["refunded"].format(roubles(payment.refunded, texts["code"]))}</p>'
    return f'<p class="state {look}">{said}</p>{more}{way_back(payment, texts["back"], "button main")}'


def roubles(kopecks: int, language: str) -> str:
    whole = f"{kopecks // 100:,}".replace(",", "\u00a0")
    return f"{whole}{',' if language == 'ru' else '.'}{kopecks % 100:02d}\u00a0₽"

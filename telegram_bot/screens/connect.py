"""How to connect, for each platform: which app, where from, what to press. It shows the catalogue."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.html import escape
from django.utils.translation import gettext as _

from accounts.models import User
from notifications.kinds import Button, Rendered
from subscriptions import catalogue, status
from subscriptions.catalogue import Offer, Section
from subscriptions.models import Platform
from telegram_bot.screens import parts

SIGNS = {
    Platform.IOS: "🍏",
    Platform.ANDROID: "🤖",
    Platform.WINDOWS: "🪟",
    Platform.MACOS: "💻",
    Platform.LINUX: "🐧",
    Platform.ANDROID_TV: "📺",
    Platform.APPLE_TV: "📺",
}
OTHERS_SHOWN = 3  # beyond these a choice is a burden; the customer's page has all of them


@dataclass(frozen=True)
class Values:
    """Without `section` the platforms are shown; `link` is empty while there is nothing to connect to."""

    sections: tuple[Section, ...]
    section: Section | None = None
    offer: Offer | None = None
    link: str = ""


def load(customer: User, argument: str) -> Values:
    """`argument` is a platform, or a platform and one of its apps: `ios`, `ios:happ`. Four queries."""
    found = status.of(customer)
    sections = tuple(catalogue.sections(only_tell_device=found.is_strict_on_devices))
    platform, _sep, code = argument.partition(":")
    section = next((section for section in sections if section.platform == platform), None)
    if section is None:
        return Values(sections)
    link = found.link if found.is_ready else ""
    return Values(sections, section, section.offer(code) or section.best, link)


def render(values: Values) -> Rendered:
    if values.section is None or values.offer is None:
        return _choice(values.sections)
    return _guide(values.section, values.offer, values.link)


def _choice(sections: tuple[Section, ...]) -> Rendered:
    buttons = [Button(_labelled(section), action=f"connect:{section.platform.value}") for section in sections]
    rows = [tuple(buttons[start : start + 2]) for start in range(0, len(buttons), 2)]
    return Rendered(
        f"📱 <b>{_('How to connect')}</b>\n{_('What do you want to connect?')}",
        buttons=(*rows, (parts.menu_button(),)),
    )


def _guide(section: Section, offer: Offer, link: str) -> Rendered:
    steps = offer.steps if link else [*offer.steps[:1], _("Get your key, then come back here.")]
    lines = [f"{number}. {escape(step)}" for number, step in enumerate(steps, 1)]
    head = f"{SIGNS[section.platform]} {section.platform.label} · <b>{escape(offer.name)}</b>"
    rows = [_stores(offer), *_hand_over(section, offer, link), *_others(section, offer)]
    back = Button(_("‹ Other device"), action="connect")
    buttons = (*(row for row in rows if row), (back, parts.menu_button()))
    return Rendered(f"{head}\n\n" + "\n".join(lines), buttons=buttons)


def _stores(offer: Offer) -> tuple[Button, ...]:
    named = {"app": offer.name}
    stores = [(_("⬇️ Install %(app)s"), offer.store), (_("⬇️ Russian store"), offer.russian_store)]
    return tuple(Button(label % named, url=store) for label, store in stores if store)


def _hand_over(section: Section, offer: Offer, link: str) -> list[tuple[Button, ...]]:
    """Return the buttons that bring the link into the app: through our page, or copied."""
    if not link:
        return [(parts.key_button(),)]
    rows: list[tuple[Button, ...]] = [(Button(_("📋 Copy the link"), copy=link),)]
    page = f"{settings.PUBLIC_BASE_URL}/open/{offer.code}/{link.rpartition('/')[2]}"
    if offer.app.link_template and not section.is_television and parts.may_be_button(page):
        rows.insert(0, (Button(_("➕ Add to %(app)s") % {"app": offer.name}, url=page),))
    return rows


def _others(section: Section, offer: Offer) -> list[tuple[Button, ...]]:
    others = [other for other in section.offers if other.code != offer.code][:OTHERS_SHOWN]
    row = (Button(other.name, action=f"connect:{section.platform.value}:{other.code}") for other in others)
    return [tuple(row)]


def _labelled(section: Section) -> str:
    return f"{SIGNS[section.platform]} {section.platform.label}"

"""How to connect, for each platform: which app, where from, what to press."""

from dataclasses import dataclass

from django.utils.html import escape
from django.utils.translation import gettext as _

from accounts.models import User
from notifications.kinds import Button, Rendered
from subscriptions import status
from telegram_bot.screens import parts


@dataclass(frozen=True)
class Platform:
    """A platform and the app we advise there; store pages as of November 2026."""

    label: str
    app: str
    store: str


PLATFORMS = {
    "ios": Platform("🍏 iPhone, iPad", "Happ", "https://apps.apple.com/app/id6504287215"),
    "android": Platform("🤖 Android", "Happ", "https://play.google.com/store/apps/details?id=com.happproxy"),
    "windows": Platform("🪟 Windows", "Happ", "https://www.happ.su/main"),
    "macos": Platform("💻 macOS", "Happ", "https://apps.apple.com/app/id6504287215"),
    "linux": Platform("🐧 Linux", "Hiddify", "https://hiddify.com"),
    "tv": Platform("📺 Android TV", "Happ", "https://play.google.com/store/apps/details?id=com.happproxy"),
}


@dataclass(frozen=True)
class Values:
    platform: Platform | None
    link: str


def load(customer: User, argument: str) -> Values:
    found = status.of(customer)
    return Values(PLATFORMS.get(argument), found.link if found.is_ready else "")


def render(values: Values) -> Rendered:
    return _choice() if values.platform is None else _guide(values.platform, values.link)


def _choice() -> Rendered:
    buttons = [Button(platform.label, action=f"connect:{code}") for code, platform in PLATFORMS.items()]
    rows = [tuple(buttons[start : start + 2]) for start in range(0, len(buttons), 2)]
    return Rendered(
        f"📱 <b>{_('How to connect')}</b>\n{_('What do you want to connect?')}",
        buttons=(*rows, (parts.menu_button(),)),
    )


def _guide(platform: Platform, link: str) -> Rendered:
    app = f"<b>{escape(platform.app)}</b>"
    steps = [
        _("1. Install %(app)s.") % {"app": app},
        _("2. Copy your link with the button below.") if link else _("2. Get your key and copy its link."),
        _("3. In the app press + and choose “From clipboard”, or scan the QR code of your key."),
        _("4. Press the big button. Done."),
    ]
    install = Button(_("⬇️ Install %(app)s") % {"app": platform.app}, url=platform.store)
    copy = Button(_("📋 Copy the link"), copy=link) if link else parts.key_button()
    back = Button(_("‹ Other device"), action="connect")
    text = f"{platform.label}\n\n" + "\n".join(steps)
    return Rendered(text, buttons=((install,), (copy,), (back, parts.menu_button())))

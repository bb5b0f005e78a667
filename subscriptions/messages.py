"""What customers are told of their subscriptions. Rendered when it is sent, in the customer's language."""

from collections.abc import Callable
from datetime import datetime
from html import escape
from typing import Any

from django.conf import settings
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from core import clock
from notifications import kinds
from notifications.kinds import Button, Rendered
from subscriptions import qr, status
from subscriptions.models import Subscription

Context = dict[str, Any]
Question = Callable[[Subscription, User, Context], bool]


def register_kinds() -> None:
    """Make every message of this room known to the outbox."""
    kinds.register("access_ready", _access_ready, _still(_works))
    kinds.register("link_rotated", _link_rotated, _still(_has_that_link))
    kinds.register("subscription_extended", _extended, _still(_not_over))
    kinds.register("subscription_ending", _ending, _still(_ends_then))
    kinds.register("subscription_expired", _expired, _still(_is_over))
    kinds.register("subscription_disabled", _disabled, _still(_is_disabled))
    kinds.register("subscription_enabled", _enabled, _still(_is_live))
    kinds.register("never_connected", _never_connected, _still(_has_not_connected))
    kinds.register("traffic_80", _traffic_80, _still(_is_nearly_used))
    kinds.register("traffic_100", _traffic_100, _still(_is_used_up))
    kinds.register("limit_changed", _limit_changed, _still(_has_that_limit))
    kinds.register("customer_banned", _banned, lambda user, _: user.is_banned)
    kinds.register("customer_unbanned", _unbanned, lambda user, _: not user.is_banned)


def shown_time(at: datetime) -> str:
    """Return a time as people write it in the active language, in the installation's zone, which it names."""
    return formats.date_format(timezone.localtime(at), "j E Y, H:i T")


def _find(context: Context) -> Subscription:
    """Return the subscription a message is about, named by its own id or by that of its access."""
    key = (
        {"access_id": context["access_id"]} if "access_id" in context else {"pk": context["subscription_id"]}
    )
    return Subscription.objects.select_related("plan", "access").get(**key)


def _still(is_true: Question) -> Callable[[User, Context], bool]:
    return lambda user, context: is_true(_find(context), user, context)


def _works(subscription: Subscription, user: User, context: Context) -> bool:
    return status.read(subscription, user, now=clock.now()).state == status.State.ACTIVE


def _has_that_link(subscription: Subscription, user: User, context: Context) -> bool:
    return subscription.token_hash == context["token_hash"] and not user.is_banned


def _not_over(subscription: Subscription, user: User, context: Context) -> bool:
    return subscription.state == Subscription.State.ACTIVE and not user.is_banned


def _is_live(subscription: Subscription, user: User, context: Context) -> bool:
    return subscription.is_live(clock.now()) and not user.is_banned


def _is_disabled(subscription: Subscription, user: User, context: Context) -> bool:
    return subscription.is_disabled


def _ends_then(subscription: Subscription, user: User, context: Context) -> bool:
    is_same = subscription.expires_at == datetime.fromisoformat(context["ends"])
    return is_same and _is_live(subscription, user, context)


def _has_not_connected(subscription: Subscription, user: User, context: Context) -> bool:
    has_connected = subscription.first_fetched_at or subscription.access.first_used_at
    return not has_connected and _is_live(subscription, user, context)


def _is_over(subscription: Subscription, user: User, context: Context) -> bool:
    return subscription.state == Subscription.State.EXPIRED and not user.is_banned


def _has_that_limit(subscription: Subscription, user: User, context: Context) -> bool:
    is_same = subscription.access.traffic_limit == context["limit"]
    return is_same and _is_live(subscription, user, context)


def _is_nearly_used(subscription: Subscription, user: User, context: Context) -> bool:
    reading = status.read(subscription, user, now=clock.now())
    is_left = reading.period_used < reading.period_limit
    return is_left and _has_that_limit(subscription, user, context)


def _is_used_up(subscription: Subscription, user: User, context: Context) -> bool:
    return status.read(subscription, user, now=clock.now()).state == status.State.EXHAUSTED


def _access_ready(user: User, context: Context) -> Rendered:
    subscription = _find(context)
    heading = _("Your VPN is ready")
    ends = _("Works until %(time)s") % {"time": shown_time(subscription.expires_at)}
    return key_card(subscription.link, f"🔑 <b>{heading}</b>\n{escape(subscription.plan.name)} · {ends}")


def _link_rotated(user: User, context: Context) -> Rendered:
    heading = _("Your link was replaced")
    advice = (
        _("The old link and its keys no longer work. Put the new link into the app on each of your devices.")
        if context.get("keys")
        else _("The old link no longer answers. Put the new one into your app.")
    )
    return key_card(_find(context).link, f"🔑 <b>{heading}</b>\n{advice}")


def key_card(link: str, heading: str, *more: Button) -> Rendered:
    """Return the link as text, as a QR code and on a button: one of them suits every device."""
    advice = _("Add this link to your VPN app, or scan the code:")
    return Rendered(
        text=f"{heading}\n\n{advice}\n<code>{escape(link)}</code>",
        photo=qr.png(link),
        buttons=(
            (Button(_("📋 Copy the link"), copy=link),),
            (Button(_("📱 How to connect"), action="connect"),),
            *((button,) for button in more),
            (Button(_("☰ Menu"), action="menu"),),
        ),
    )


def _extended(user: User, context: Context) -> Rendered:
    days = context["days"]
    heading = ngettext("We added %(days)d day for you", "We added %(days)d days for you", days) % {
        "days": days
    }
    ends = _("Your subscription now works until %(time)s.") % {"time": shown_time(_find(context).expires_at)}
    return _note("🎁", heading, ends, Button(_("👤 My profile"), action="profile"))


def _ending(user: User, context: Context) -> Rendered:
    ends = _("It works until %(time)s. Renew in time and nothing has to be set up again.")
    return _note(
        "⏳",
        _("Your subscription ends soon"),
        ends % {"time": shown_time(_find(context).expires_at)},
        Button(_("💳 Plans"), action="plans"),
    )


def _expired(user: User, context: Context) -> Rendered:
    return _note(
        "⌛",
        _("Your subscription has ended"),
        _("VPN is switched off. Renew and the same link works again."),
        Button(_("💳 Plans"), action="plans"),
    )


def _never_connected(user: User, context: Context) -> Rendered:
    text = _("You have paid, and no device has connected yet. It takes two minutes; we show you how.")
    return _note(
        "👋",
        _("Do you need help to connect?"),
        text,
        Button(_("📱 How to connect"), action="connect"),
        Button(_("💬 Help"), action="help"),
    )


def _traffic_80(user: User, context: Context) -> Rendered:
    subscription = _find(context)
    reading = status.read(subscription, user, now=clock.now())
    left = _("%(left)s of %(limit)s are left.") % {
        "left": shown_size(reading.period_limit - reading.period_used),
        "limit": shown_size(reading.period_limit),
    }
    return _note("📊", _("Most of your traffic is used"), f"{left} {comes_next(subscription)}", *_more())


def _traffic_100(user: User, context: Context) -> Rendered:
    text = f"{_('VPN does not let you through until there is more.')} {comes_next(_find(context))}"
    return _note("🪫", _("Your traffic is used up"), text, *_more())


def _limit_changed(user: User, context: Context) -> Rendered:
    subscription = _find(context)
    limit = shown_size(subscription.period_limit) if subscription.period_limit else _("no limit")
    text = _("From now on: %(limit)s.") % {"limit": limit}
    if subscription.own_limit is not None:
        text += " " + _("It stays when you renew.")
    return _note(
        "📊", _("Your traffic limit was changed"), text, Button(_("👤 My profile"), action="profile")
    )


def comes_next(subscription: Subscription) -> str:
    """Say when traffic starts anew, or what brings more."""
    if subscription.resets_at is not None:
        return _("New traffic comes on %(time)s.") % {"time": shown_time(subscription.resets_at)}
    if subscription.own_limit is not None:  # what is bought early waits for its days
        return _(
            "If you renew, your traffic starts anew on %(time)s. "
            "Write to support if you need more before then."
        ) % {"time": shown_time(subscription.expires_at)}
    return _("Renew or choose another plan to get more.")


def _more() -> tuple[Button, ...]:
    return Button(_("💳 Plans"), action="plans"), Button(_("👤 My profile"), action="profile")


def shown_size(size: int) -> str:
    """Return bytes as people read them, in gigabytes of 2**30 bytes."""
    return _("%(size)s GB") % {"size": formats.number_format(round(size / 2**30, 2), use_l10n=True)}


def _disabled(user: User, context: Context) -> Rendered:
    return _note("⛔", _("Your subscription is switched off"), _ask_support())


def _enabled(user: User, context: Context) -> Rendered:
    return _note(
        "✅", _("Your subscription is switched on again"), _("The same link works again within a minute.")
    )


def _banned(user: User, context: Context) -> Rendered:
    return Rendered(text=f"⛔ <b>{_('Your access is closed')}</b>\n{_ask_support()}")


def _unbanned(user: User, context: Context) -> Rendered:
    return _note(
        "✅",
        _("Your access is open again"),
        _("Welcome back. What is left of your subscription works again."),
    )


def _ask_support() -> str:
    if not settings.SUPPORT_CONTACT:
        return _("Write to support if you think this is a mistake.")
    text = _("Write to support if you think this is a mistake: %(contact)s")
    return text % {"contact": escape(settings.SUPPORT_CONTACT)}


def _note(sign: str, heading: str, text: str, *more: Button) -> Rendered:
    menu = Button(_("☰ Menu"), action="menu")
    return Rendered(text=f"{sign} <b>{heading}</b>\n{text}", buttons=((*more, menu),))

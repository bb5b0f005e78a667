"""The customer's devices: which have a place, and taking one away, asked first."""

from dataclasses import dataclass

from django.utils import formats, timezone
from django.utils.html import escape
from django.utils.translation import gettext as _

from accounts.models import User
from notifications.kinds import Button, Rendered
from subscriptions import services as subscriptions
from subscriptions import status
from subscriptions.models import Device
from subscriptions.status import CustomerStatus
from telegram_bot.numbers import number_in
from telegram_bot.screens import parts

NOTES = ("removed", "often")
MOST_SHOWN = 20


@dataclass(frozen=True)
class Values:
    """`devices`: those seen last, of all that have `taken` a place. `asked`: the device to remove, if they
    mean it. `note`: what became of the press that led here."""

    status: CustomerStatus
    devices: tuple[Device, ...]
    taken: int
    removals_left: int
    asked: Device | None = None
    note: str = ""


def load(customer: User, argument: str) -> Values:
    """`argument` is a device's number, to be asked about, or a note.

    Six queries at most, seven where not all devices may be shown.
    """
    found = status.of(customer)
    if found.subscription_id is None or not found.counts_devices:
        return Values(found, (), 0, 0)
    rows = Device.objects.filter(subscription=found.subscription_id)
    devices = tuple(rows.order_by("-last_seen_at", "-pk")[:MOST_SHOWN])
    taken = rows.count() if len(devices) == MOST_SHOWN else len(devices)
    number = number_in(argument)
    return Values(
        found,
        devices,
        taken,
        subscriptions.removals_left(found.subscription_id) if devices else 0,
        asked=next((device for device in devices if device.pk == number), None),
        note=argument if argument in NOTES else "",
    )


def render(values: Values) -> Rendered:
    heading = "📱 <b>" + _("Your devices") + "</b>"
    if not values.status.counts_devices:
        text = _("Your plan has no limit to count devices by.")
        return Rendered(f"{heading}\n{text}", buttons=((parts.key_button(), parts.menu_button()),))
    if values.asked is not None:
        return _question(values.asked)
    lines = [heading, _places(values)]
    lines += _note(values)
    lines += [_described(device) for device in values.devices]
    if not values.devices:
        lines.append(_("No device has connected yet. Each takes its place by itself."))
    can_remove = values.devices and values.removals_left
    removes = values.devices if can_remove else ()
    rows = [(Button(f"✖️ {device.name[:40]}", action=f"device:{device.pk}"),) for device in removes]
    return Rendered("\n\n".join(lines), buttons=(*rows, (parts.connect_button(), parts.menu_button())))


def _question(device: Device) -> Rendered:
    text = _(
        "Its place becomes free for another device. The app on it keeps its keys until you delete them "
        "there; if it asks again, it takes a place, should one be free."
    )
    heading = _("Remove this device?")
    yes = Button(_("✖️ Yes, remove it"), action=f"undevice:{device.pk}")
    return Rendered(
        f"📱 <b>{heading}</b>\n\n{_described(device)}\n\n{text}",
        buttons=((yes,), (Button(_("‹ Keep it"), action="devices"), parts.menu_button())),
    )


def _places(values: Values) -> str:
    taken, limit = values.taken, values.status.devices
    if not limit:
        return _("Connected: %(taken)d") % {"taken": taken}
    return _("Places taken: %(taken)d of %(limit)d") % {"taken": taken, "limit": limit}


def _note(values: Values) -> list[str]:
    if values.note == "removed":
        return ["✅ " + _("Removed. Its place is free.")]
    if values.note == "often" or (values.devices and not values.removals_left):
        return [_("You have removed as many devices as you may in one day. Try again tomorrow.")]
    return []


def _described(device: Device) -> str:
    details = " · ".join(word for word in (device.system, device.app) if word and word != device.name)
    seen = formats.date_format(timezone.localtime(device.last_seen_at), "j E Y, H:i T")
    lines = [f"<b>{escape(device.name)}</b>", escape(details), _("Last seen: %(time)s") % {"time": seen}]
    return "\n".join(line for line in lines if line)

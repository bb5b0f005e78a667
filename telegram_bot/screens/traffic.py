"""How much traffic flowed on each of the last 30 days, as a picture."""

from dataclasses import dataclass
from datetime import date

from django.utils import formats
from django.utils.translation import gettext as _

from accounts.models import User
from notifications.kinds import Button, Rendered
from subscriptions import messages, status
from subscriptions import services as subscriptions
from telegram_bot import chart
from telegram_bot.screens import parts

DAYS = 30


@dataclass(frozen=True)
class Values:
    """The bytes of each day, oldest first; empty without a subscription."""

    days: tuple[tuple[date, int], ...]
    period_used: int = 0
    period_limit: int = 0


def load(customer: User, argument: str) -> Values:
    found = status.of(customer)
    if found.subscription_id is None:
        return Values(())
    days = subscriptions.traffic_by_day(found.subscription_id, days=DAYS)
    return Values(tuple(days), found.period_used, found.period_limit)


def render(values: Values) -> Rendered:
    back = (Button(_("👤 My profile"), action="profile"), parts.menu_button())
    heading = "📊 <b>" + _("Your traffic") + "</b>"
    total = sum(size for _day, size in values.days)
    if not total:
        nothing = _("No traffic in the last 30 days. It shows here some hours after it flowed.")
        return Rendered(f"{heading}\n{nothing}", buttons=(back,))
    day, most = max(values.days, key=lambda each: each[1])
    lines = [
        heading,
        _("The last 30 days, in GB a day. Today's is counted every few hours."),
        "",
        _("All together: %(size)s") % {"size": messages.shown_size(total)},
        _("Most of it: %(size)s on %(day)s")
        % {"size": messages.shown_size(most), "day": formats.date_format(day, "j E")},
        _("Traffic: %(traffic)s") % {"traffic": parts.shown_traffic(values.period_used, values.period_limit)},
    ]
    return Rendered("\n".join(lines), photo=chart.png(values.days), buttons=(back,))

"""The limit that staff set on a subscription, and its traffic day by day."""

from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from core.acts import Act, ActForm, Change
from core.charts import daily_bars
from core.staff import size
from subscriptions import services
from subscriptions.models import Subscription
from vpnpanel.services import used_bytes

GIB = 2**30
DAYS = 30


class LimitForm(ActForm):
    limit = forms.DecimalField(
        label=_("Limit, GB"),
        required=False,
        min_value=0,
        max_value=10**6,
        help_text=_("For what flows until traffic starts anew. 0: no limit. Empty: as the plan says."),
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=300, help_text=_("Kept in the trail; staff read it.")
    )

    def clean_limit(self) -> int | None:
        """Return bytes. Less than one is no limit that could be meant."""
        entered = self.cleaned_data["limit"]
        return None if entered is None else int(entered * GIB)


def own_limit(limit: int | None) -> str:
    if limit is None:
        return gettext("as the plan says")
    return size(limit) if limit else gettext("no limit")


def new_limit(subscription: Subscription, values: dict[str, Any]) -> list[Change]:
    if "limit" not in values:
        return []
    return [Change(_("Limit of their own"), own_limit(subscription.own_limit), own_limit(values["limit"]))]


def change_limit(subscription: Subscription, values: dict[str, Any], actor: str) -> Any:
    if values["limit"] == subscription.own_limit:
        return _("That is the limit already: nothing was changed, and nobody was told.")
    services.change_limit(subscription.pk, limit=values["limit"], reason=values["reason"], actor=actor)
    return _("Changed. The panels follow within seconds; renewals keep it, and the customer is told.")


CHANGE_LIMIT = Act(
    name="limit",
    title=_("Change limit"),
    about=_("A limit of this customer's own, in place of the plan's. It stays when they renew."),
    permission="subscriptions.change_subscription",
    run=change_limit,
    form=LimitForm,
    changes=new_limit,
    icon="speed",
)


def shown_traffic(subscription: Subscription) -> str:
    """Return what flowed since traffic last started anew, against what may."""
    used = used_bytes([subscription.access_id]).get(subscription.access_id, 0)
    limit = subscription.period_limit
    said = size(limit) if limit else gettext("no limit")
    return f"{size(subscription.period_used(used))} / {said}"


def shown_days(subscription: Subscription) -> SafeString:
    """Return the traffic of the last days as a chart."""
    days = services.traffic_by_day(subscription.pk, days=DAYS)
    total = sum(flowed for _day, flowed in days)
    label = ngettext("Traffic of the last %(days)d day", "Traffic of the last %(days)d days", DAYS)
    said = f"{label % {'days': DAYS}}: {size(total)}"
    return format_html("<p>{}</p>{}", said, daily_bars(days, label=said) if total else "")

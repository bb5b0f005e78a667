"""What a contract test found, in words for staff."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.said import Sentence
from vpnpanel.drivers.versions import is_verified
from vpnpanel.models import Panel

STEPS = {
    "figures": _("Sign in, and ask the panel who it is"),
    "inbounds": _("Find the inbounds to sell"),
    "create": _("Make an account"),
    "read": _("Read it back"),
    "links": _("Get keys that an app can use"),
    "repeat": _("Make it again: still one, with the same keys"),
    "change": _("Change end and traffic limit"),
    "ends": _("Set an end close by"),
    "off": _("Switch it off"),
    "on": _("Switch it on again, with the same keys"),
    "list": _("Find it in the list of accounts"),
    "rotate": _("Give it other keys"),
    "remove": _("Remove it"),
    "gone": _("See that it is gone"),
}
# What a failure means for the shop.
HARM = {
    "figures": _("Nothing can be done on this panel."),
    "inbounds": _("There is nothing to sell here: see the field Inbounds."),
    "create": _("Nobody new can be served here."),
    "read": _("The shop cannot see what the panel does."),
    "links": _("Customers would get no key: see the panel's inbounds and hosts."),
    "repeat": _("An answer lost on the way would cost a customer the keys."),
    "change": _("Renewals would not arrive."),
    "ends": _("Short periods would not be kept."),
    "off": _("Nobody could be cut off."),
    "on": _("Whoever was cut off could not be let in again."),
    "list": _("Full syncs would miss accounts."),
    "rotate": _("A key that got into wrong hands could not be changed."),
    "remove": _("Accounts could not be removed."),
    "gone": _("Removed accounts would go on working."),
}
MISMATCHES = {
    "no_inbound": _("The panel has no inbound."),
    "inbound_missing": _("The panel has no %(protocol)s inbound “%(tag)s”."),
    "no_links": _("The panel gave the account no usable link."),
    "not_on": _("The panel shows “%(status)s” for an account that should be on."),
    "still_on": _("The panel shows the account as on, though it was switched off."),
    "other_end": _("The panel shows the end %(shown)s instead of %(wanted)s."),
    "other_limit": _("The panel shows a limit of %(shown)s bytes instead of %(wanted)s."),
    "keys_changed": _("The keys of the account changed by themselves."),
    "keys_kept": _("The account kept its old keys."),
    "not_listed": _("The list of accounts does not have it."),
    "still_there": _("The panel still has it."),
}
UNFINISHED = {
    "away": _(
        "The panel did not answer the last contract test, or let nobody in, and the test is repeated once it "
        "does: %(why)s"
    ),
    "slow": _(
        "The panel answers, but was too slow or busy to finish the last contract test, which is repeated: "
        "%(why)s"
    ),
}
ADVICE = {
    "sudo": _(
        "The administrator is a sudo one. Give the shop a plain administrator of its own: it sees only the "
        "shop's accounts, and the panel removes those properly."
    ),
    "clock_behind": _(
        "The panel holds that an end ten minutes ago is still to come: its host is not on UTC. The shop cuts "
        "customers off in time all the same, but while it is down they stay connected. Set the host to UTC."
    ),
    "clock_ahead": _(
        "The panel holds that an end in ten minutes is over: its host is not on UTC, and customers lose "
        "hours at the end of their time. Set the host to UTC."
    ),
    "shared": _("There are accounts on it that the shop did not make. They are never changed."),
    "shared_legacy": _(
        "Somebody else makes accounts on it too, and on this version of 3x-ui two who write to one inbound "
        "at once lose each other's accounts: use an inbound of your own."
    ),
    "plain_http": _("The address begins with http: the administrator's password travels readably."),
    "any_certificate": _("The certificate is not checked: whoever stands in between can read everything."),
    "unverified": _(
        "This version was never tried with the shop. A passed test is a good sign; look after the first "
        "customers all the same."
    ),
    "old_version": _(
        "Marzban before 0.8 is old: it works as far as the test goes. Update when you can, and test again."
    ),
}


@dataclass(frozen=True)
class Line:
    """One row of the table on a panel's page."""

    title: Any
    state: str
    words: str
    harm: Any
    seconds: float


def lines(panel: Panel) -> list[Line]:
    """Return the last test's steps in the active language; none if there was no test."""
    return [_line(finding) for finding in panel.guard_report.get("steps", ())]


def advice(panel: Panel) -> list[Any]:
    """Return what the last test advises."""
    return [ADVICE[key] for key in panel.guard_report.get("advice", ()) if key in ADVICE]


def why_failed(panel: Panel) -> str:
    """Return in a sentence what failed first; empty unless the panel is closed for it."""
    if panel.guard != Panel.Guard.FAILED:
        return ""
    failed = [line for line in lines(panel) if line.state == "failed"]
    return f"{failed[0].title}: {failed[0].words or failed[0].harm}" if failed else why_unfinished(panel)


def why_unfinished(panel: Panel) -> str:
    """Return in a sentence why the last test came to no end; empty if it did.

    That is the panel's health of the moment and says nothing of what it does when it answers.
    """
    text = UNFINISHED.get(panel.guard_report.get("outcome", ""))
    trouble = panel.guard_report.get("trouble")
    line = _line(trouble) if trouble else None
    why = f"{line.title}: {line.words}" if line else ""
    return str(text) % {"why": why} if text else ""


def is_unverified(panel: Panel) -> bool:
    """Tell whether the panel answered with a version that the driver was not made for."""
    return bool(panel.version) and not is_verified(panel.kind, panel.version)


def _line(finding: dict[str, Any]) -> Line:
    step, is_failed = finding["step"], finding["state"] == "failed"
    mismatch = MISMATCHES.get(finding.get("mismatch", ""))
    words = (
        str(mismatch) % finding.get("values", {}) if mismatch else str(Sentence.read(finding.get("said", "")))
    )
    return Line(
        title=STEPS.get(step, step),
        state=finding["state"],
        words=words,
        harm=HARM.get(step, "") if is_failed else "",
        seconds=finding.get("seconds", 0.0),
    )

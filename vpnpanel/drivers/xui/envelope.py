"""What the panel's answers mean: `{"success", "msg", "obj"}` with status 200, also for failures."""

import re
from typing import Any

from core.http import Answer
from core.said import said
from vpnpanel.errors import AccountFailed, AccountMissing, PanelDown, PanelRefused


class AnswerLost(PanelDown):
    """The call may have been done: nothing came back. `was_quick`: the connection broke at once."""

    was_quick = False


class AnswerOdd(AccountFailed):
    """The call may have been done: what came back is not the API's answer."""


class NameTaken(PanelRefused):
    """The panel has a client of that name."""


class LastClient(PanelRefused):
    """A legacy panel does not delete the last client of an inbound."""


class KeyUnknown(AccountFailed):
    """No client has the key that was to be changed: it is another one now, or none."""


class RouteMissing(PanelRefused):
    """The panel has no such route: it speaks another dialect than we thought."""


# The part of a failure's text that is never translated, in lower case, and what it means.
MEANINGS: tuple[tuple[str, type[Exception]], ...] = (
    ("duplicate email", NameTaken),
    ("email already in use", NameTaken),
    ("duplicate subid", PanelRefused),
    ("subid already in use", PanelRefused),
    ("no client remained in inbound", LastClient),
    ("record not found", AccountMissing),
    ("inbound not found for email", AccountMissing),
    ("client not found in inbound for", AccountMissing),
    ("not found in any inbound", AccountMissing),
    ("empty client id", KeyUnknown),
    ("database is locked", AccountFailed),
    ("at least one inbound is required", PanelRefused),
    ("client email is required", PanelRefused),
    ("contains an invalid character", PanelRefused),
)
LONGEST_TEXT = 200
# What the panel names behind this is the customer's subscription: a secret, and errors are shown to staff.
SUBSCRIPTION = re.compile(r"(subid[^:]*:\s*)[^\s)]+", re.IGNORECASE)


def open_envelope(call: str, answer: Answer) -> Any:
    """Return the `obj` of a good answer.

    Raises what a failure's text means, PanelDown where a gateway answered or the panel is busy, AnswerOdd for
    an answer that is not the API's, and PanelRefused for any other no.
    """
    body = answer.body
    if answer.status == 200 and isinstance(body, dict) and isinstance(body.get("success"), bool):
        if body["success"]:
            return body.get("obj")
        raise failure(call, str(body.get("msg") or ""))
    words = f"{call}: {answer.status} {_kind(answer)}"
    match answer.status:
        case 429 | 502 | 503 | 504:
            raise PanelDown(words)
        case status if status >= 500:
            raise AccountFailed(words)  # a crash over one request, and the panel goes on
        case status if status < 300:
            raise AnswerOdd(
                said("%(call)s: is this address a 3x-ui panel's, with its base path?", call=words)
            )
        case 403:
            raise PanelRefused(
                said("%(call)s: the panel refuses this host name, or the token's scope", call=words)
            )
    raise PanelRefused(words)


def failure(call: str, text: str) -> Exception:
    """Return the error that a failure's text means; one we don't know may pass by itself."""
    lower = text.lower()
    meaning = next((meaning for part, meaning in MEANINGS if part in lower), AccountFailed)
    said = SUBSCRIPTION.sub(r"\1…", " ".join(text.split()))
    return meaning(f"{call}: {said[:LONGEST_TEXT]}")


def _kind(answer: Answer) -> str:
    if isinstance(answer.body, dict):
        return str(answer.body.get("msg", ""))[:LONGEST_TEXT]
    if not answer.text:
        return "empty"
    kind = answer.headers.get("Content-Type", "no type").split(";")[0]
    return f"not JSON ({kind})" if answer.body is None else "unexpected JSON"


def may_try_again(problem: Exception) -> bool:
    """Tell whether a write may be repeated at once if a look shows that it was not done.

    Not after a time-out: the panel may still be at it, and two writes at once lose one.
    """
    return isinstance(problem, NameTaken | KeyUnknown | AccountMissing) or (
        isinstance(problem, AnswerLost) and problem.was_quick
    )

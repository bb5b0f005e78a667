"""Check a panel and take it into service."""

import json
import os
from argparse import ArgumentParser
from typing import Any

from vpnpanel import drivers, services
from vpnpanel.cli.frame import ACTOR, Console, Exit, WrongUsage
from vpnpanel.models import Panel, PanelGroup

HELP = "check a panel and take it into service; safe to repeat"
# Never the secret itself: other users of the machine see what a command was called with.
SECRETS = {
    "password": "the administrator's password",
    "token": "an API token, where the panel takes one instead of a password",
    "totp_secret": "the text behind the QR code of its second factor",
    "webhook_secret": "the secret the panel sends with its webhooks",
}


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--name", required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--kind", default="marzban", choices=list(drivers.DRIVERS), help="default: marzban")
    parser.add_argument("--username", default="")
    for name, meaning in SECRETS.items():
        option = name.replace("_", "-")
        parser.add_argument(
            f"--{option}-env", metavar="VARIABLE", help=f"environment variable that holds {meaning}"
        )
    parser.add_argument("--password", help="the password itself: other users of the machine may see it")
    parser.add_argument("--inbounds", help='those to sell: {"vless": ["VLESS TCP REALITY"]}; default: all')
    parser.add_argument("--group", default="main", help="code of the panel group it sells to (default: main)")
    parser.add_argument("--location", help="what customers are shown")
    parser.add_argument("--public-host", help="where customers connect to, if not to the panel")


def run(options: dict[str, Any], console: Console) -> Exit:
    group = PanelGroup.objects.filter(code=options["group"]).first()
    if group is None:
        raise WrongUsage(f"There is no panel group {options['group']!r}.")
    secrets = _secrets(options)
    if not secrets.get("password") and not secrets.get("token"):
        raise WrongUsage("Give a password or a token: --password-env or --token-env.")
    panel = services.add_panel(
        actor=ACTOR,
        groups=[group],
        kind=options["kind"],
        name=options["name"],
        base_url=options["url"],
        username=options["username"],
        **_given(options),
        **secrets,
    )
    if panel.state in Panel.SERVING:
        console.say(f"Panel {panel.name} is in service{_sale(panel)}.")
    else:
        console.say(f"Panel {panel.name} answers, but is {panel.state}: open it on its page in the admin.")
    console.keep(panel=panel.name, id=panel.pk, state=panel.state, guard=panel.guard)
    return Exit.FINE


def _sale(panel: Panel) -> str:
    """Say that a new panel is not sold yet: the worker tests it first, within seconds."""
    is_waiting = panel.state == Panel.State.OPEN and panel.guard == Panel.Guard.UNTESTED
    return "; it is sold as soon as it has passed its contract test" if is_waiting else ""


def _secrets(options: dict[str, Any]) -> dict[str, str]:
    """Return those that were given. Raises WrongUsage for a variable that is not set."""
    found = {"password": options["password"]} if options["password"] else {}
    for name in SECRETS:
        variable = options[f"{name}_env"]
        if variable and not os.environ.get(variable):
            raise WrongUsage(f"The environment variable {variable} is empty or not set.")
        if variable:
            found[name] = os.environ[variable]
    return found


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Return what was said; what was not stays as staff set it. Raises WrongUsage."""
    given = {name: options[name] for name in ("location", "public_host") if options[name] is not None}
    try:
        return given | ({"inbounds": json.loads(options["inbounds"])} if options["inbounds"] else {})
    except ValueError as wrong:
        raise WrongUsage("--inbounds is not JSON.") from wrong

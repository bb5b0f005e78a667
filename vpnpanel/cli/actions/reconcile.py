"""Apply what waits, or compare given accesses again."""

from argparse import ArgumentParser
from typing import Any

from vpnpanel import reconciler, services
from vpnpanel.cli.frame import Console, Exit, WrongUsage
from vpnpanel.models import Access

HELP = "apply what waits, or compare given accesses again"


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("access_ids", nargs="*", type=int, metavar="ACCESS")


def run(options: dict[str, Any], console: Console) -> Exit:
    if options["access_ids"]:
        return _compare(options["access_ids"], console)
    waited = Access.objects.filter(is_dirty=True).count()
    done = 0
    with console.progress("reconcile") as bar:
        while tried := reconciler.reconcile_due():
            done += tried
            bar.show(min(done, waited), waited)
    waiting = Access.objects.filter(is_dirty=True).count()
    console.say(f"{waiting} accesses still wait.")
    console.keep(tried=done, waiting=waiting)
    return Exit.ATTENTION if waiting else Exit.FINE


def _compare(access_ids: list[int], console: Console) -> Exit:
    known = set(Access.objects.filter(pk__in=access_ids).values_list("pk", flat=True))
    if unknown := [key for key in access_ids if key not in known]:
        raise WrongUsage(f"There is no access {unknown[0]}.")
    services.request_reconcile(access_ids)
    late = [key for key in access_ids if not reconciler.reconcile_one(key)]
    console.keep(applied=len(access_ids) - len(late), not_applied=late)
    if late:
        console.complain(f"Not applied: {', '.join(str(key) for key in late)}.")
    return Exit.ATTENTION if late else Exit.FINE

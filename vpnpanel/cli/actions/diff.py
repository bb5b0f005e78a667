"""Show what panels hold otherwise than the shop wants, changing nothing."""

from argparse import ArgumentParser
from collections import Counter
from dataclasses import asdict
from typing import Any

from core.services import require_installation
from vpnpanel.cli.frame import Console, Exit, panels_named, take_names
from vpnpanel.diffing import Line, diff
from vpnpanel.errors import PanelError
from vpnpanel.models import Panel
from vpnpanel.wording import difference_words

HELP = "show what panels hold otherwise than the shop wants, changing nothing; exit code 1 if anything"


def arguments(parser: ArgumentParser) -> None:
    take_names(parser, "all that serve")


def run(options: dict[str, Any], console: Console) -> Exit:
    installation = require_installation()
    code = Exit.FINE
    panels = []
    for panel in panels_named(options["names"], otherwise=Panel.SERVING):
        counts: Counter[str] = Counter()
        lines: list[Line] = []
        error = ""
        try:
            with console.progress(f"diff {panel.name}") as bar:
                for line in diff(panel, installation, counts):
                    lines.append(line)
                    console.say(f"{panel.name}: {_text(line)}")
                    bar.show(counts["accounts"] + counts["foreign"], None)
        except PanelError as failed:
            error = str(failed)
            console.complain(f"{panel.name}: {error}")
        else:
            console.say(
                f"{panel.name}: {len(lines)} differ; {counts['accounts']} accounts of ours, "
                f"{counts['foreign']} foreign, {counts['waiting']} about to be applied."
            )
        if lines or error:
            code = Exit.ATTENTION
        differences = [asdict(line) for line in lines]
        panels.append({"name": panel.name, "error": error, **counts, "differences": differences})
    console.keep(panels=panels)
    return code


def _text(line: Line) -> str:
    access = f" (access {line.access})" if line.access else ""
    fields = "; ".join(difference_words(line.details))
    return f"{line.name}{access}: {line.kind}" + (f": {fields}" if fields else "")

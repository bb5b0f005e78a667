"""Turn each catalogue (.po) into what Django reads (.mo), without GNU gettext.

Safe to repeat: a catalogue older than its result is left alone. Fails on a translation that loses or
invents a placeholder, because that would break the screen it stands on.
"""

import os
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent


def broken_messages(catalogue: Catalog) -> list[str]:
    return [f"line {message.lineno}: {error}" for message, errors in catalogue.check() for error in errors]


def compile_catalogue(source: Path) -> list[str]:
    """Write the .mo beside `source` if it is out of date; give back what is wrong with it."""
    target = source.with_suffix(".mo")
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return []
    with source.open("rb") as stream:
        catalogue = read_po(stream, locale=source.parent.parent.name)
    errors = broken_messages(catalogue)
    if not errors:
        unfinished = target.with_suffix(f".{os.getpid()}.part")  # test processes may compile side by side
        with unfinished.open("wb") as stream:
            write_mo(stream, catalogue)
        unfinished.replace(target)
    return errors


def compile_all() -> list[str]:
    """Bring every .mo up to date; give back what is wrong with the catalogues."""
    catalogues = "locale/*/LC_MESSAGES/*.po"
    sources = sorted([*ROOT.glob(catalogues), *ROOT.glob(f"*/{catalogues}")])
    return [
        f"{source.relative_to(ROOT)}, {error}" for source in sources for error in compile_catalogue(source)
    ]


def main() -> int:
    errors = compile_all()
    sys.stderr.write("".join(f"{error}\n" for error in errors))
    return int(bool(errors))


if __name__ == "__main__":
    sys.exit(main())

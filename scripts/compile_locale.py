"""Turn each catalogue (.po) into what Django reads (.mo), without GNU gettext.

Safe to repeat: a catalogue older than its result is left alone. Fails on a translation that loses or
invents a placeholder, because that would break the screen it stands on.
"""

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
        unfinished = target.with_suffix(".mo.part")
        with unfinished.open("wb") as stream:
            write_mo(stream, catalogue)
        unfinished.replace(target)
    return errors


def main() -> int:
    failed = False
    catalogues = "locale/*/LC_MESSAGES/*.po"
    for source in sorted([*ROOT.glob(catalogues), *ROOT.glob(f"*/{catalogues}")]):
        for error in compile_catalogue(source):
            failed = True
            sys.stderr.write(f"{source.relative_to(ROOT)}, {error}\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

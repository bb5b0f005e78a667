"""Bring each catalogue (.po) up to date with the texts in the code, without GNU gettext.

Usage: python scripts/extract_locale.py

New texts are added untranslated, gone ones are dropped, nothing is guessed. Safe to repeat. The shop's own
texts are in locale/; those of admin packages that come without our languages in backoffice/locale/.
"""

import ast
import gettext
import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path

import django
import django_celery_beat
import unfold
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("ru",)
ROOMS = [
    "accounts",
    "analytics",
    "backoffice",
    "billing",
    "core",
    "notifications",
    "referrals",
    "subscriptions",
    "support",
    "telegram_bot",
    "templates",
    "vpnpanel",
    "vpnservice",
]
OWN = [ROOT / room for room in ROOMS]
UNFOLD, BEAT = (Path(package.__path__[0]) for package in (unfold, django_celery_beat))
# Of what unfold brings for other packages, only the parts that are installed here.
PACKAGES = [
    *(part for part in UNFOLD.iterdir() if part.name not in ("contrib", "static")),
    UNFOLD / "contrib" / "filters",
    BEAT,
]
DJANGO = Path(django.__path__[0])
SPEAKING = [DJANGO / "conf", *(DJANGO / "contrib" / name for name in ("admin", "auth", "contenttypes")), BEAT]
# Django puts a name or "ago" after these; its Russian does not decline either, so the shop words them anew.
REWORDED: tuple[str | tuple[str, str], ...] = (
    "Add %s",
    "Add %(name)s",
    "Change %s",
    "View %s",
    "Select %s to change",
    "Select %s to view",
    ("%(num)d minute", "%(num)d minutes"),
    ("%(num)d week", "%(num)d weeks"),
)
# How Django's functions are called: their text, their plural and their context, by position.
CALLS = {
    f"{name}{ending}": places
    for name, places in {
        "_": (1,),
        "gettext": (1,),
        "said": (1,),
        "ngettext": (1, 2),
        "pgettext": ((1, "c"), 2),
        "npgettext": ((1, "c"), 2, 3),
    }.items()
    for ending in ("", "_lazy")
}
Found = tuple[int, str | tuple[str, ...], str | None]


def texts_in(places: Iterable[Path]) -> Catalog:
    """Return every text marked for translation in the code and the templates in these places."""
    found = Catalog()
    for path in _files(places):
        for line, text, context in _texts_of(path):
            found.add(text, locations=[(os.path.relpath(path, ROOT), line)], context=context)
    return found


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        inside = [place] if place.is_file() else sorted(place.rglob("*"))
        yield from (path for path in inside if path.suffix in (".py", ".html", ".txt"))


def _texts_of(path: Path) -> Iterator[Found]:
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from _calls_in(ast.parse(source))
        return
    # Between brackets, because a template's indentation would mean nothing to Python.
    python = BytesIO(f"({templatize(source, origin=str(path))})".encode())
    for line, text, _comments, context in extract("python", python, CALLS):
        yield line, text, context


def _calls_in(tree: ast.AST) -> Iterator[Found]:
    """Yield the texts of all calls, those inside f-strings too, which neither Babel nor xgettext sees."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        texts = [part.value for part in node.args if isinstance(part, ast.Constant)]
        has_context = name.removesuffix("_lazy") in ("pgettext", "npgettext")
        wanted = len(CALLS.get(name, ())) - has_context
        own = [text for text in texts if isinstance(text, str)][has_context:][:wanted]
        if wanted > 0 and len(own) == wanted:
            context = str(texts[0]) if has_context else None
            yield node.lineno, own[0] if wanted == 1 else tuple(own), context


def missing_in_packages(language: str) -> Catalog:
    """Return the texts of the admin's packages that neither they nor Django have in this language."""
    known: set[object] = set()
    for package in SPEAKING:
        with (package / "locale" / language / "LC_MESSAGES" / "django.mo").open("rb") as stream:
            entries = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined]
        known.update(key[0] if isinstance(key, tuple) else key for key, text in entries.items() if text)
    found, missing = texts_in(PACKAGES), Catalog()
    for message in found:
        text = message.id[0] if isinstance(message.id, tuple) else message.id
        key = f"{message.context}\x04{text}" if message.context else text
        if text and key not in known:
            missing.add(message.id, locations=message.locations, context=message.context)
    return missing


def texts_of_the_shop(_language: str) -> Catalog:
    own = texts_in(OWN)
    for text in REWORDED:
        own.add(text)
    return own


# What each folder of catalogues must have in a language.
WANTED: dict[str, Callable[[str], Catalog]] = {
    "locale": texts_of_the_shop,
    "backoffice/locale": missing_in_packages,
}


def catalogue(folder: str, language: str) -> Path:
    return ROOT / folder / language / "LC_MESSAGES" / "django.po"


def read(path: Path, language: str) -> Catalog:
    with path.open("rb") as stream:
        return read_po(stream, locale=language)


def is_translated(message: Message) -> bool:
    return all(message.string) if isinstance(message.string, tuple) else bool(message.string)


def update(path: Path, language: str, wanted: Catalog) -> None:
    """Rewrite one catalogue: its translations stay, what the code no longer has goes."""
    kept = read(path, language) if path.exists() else Catalog(locale=language)
    kept.update(wanted, no_fuzzy_matching=True)
    # No dates and no versions: the file changes when its texts do.
    head = [
        "# Kept in step with the code by: python scripts/extract_locale.py",
        'msgid ""',
        'msgstr ""',
        f'"Language: {language}\\n"',
        f'"Plural-Forms: {kept.plural_forms}\\n"',
        '"MIME-Version: 1.0\\n"',
        '"Content-Type: text/plain; charset=utf-8\\n"',
        '"Content-Transfer-Encoding: 8bit\\n"',
    ]
    body = BytesIO()
    write_po(
        body, kept, width=100, no_location=True, omit_header=True, ignore_obsolete=True, sort_output=True
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".po.part")
    unfinished.write_bytes("\n".join(head).encode() + b"\n\n" + body.getvalue().lstrip())
    unfinished.replace(path)


def main() -> int:
    for folder, language in itertools.product(WANTED, LANGUAGES):
        path, wanted = catalogue(folder, language), WANTED[folder](language)
        update(path, language, wanted)
        left = sum(1 for message in read(path, language) if message.id and not is_translated(message))
        sys.stdout.write(f"{path.relative_to(ROOT)}: {len(wanted)} texts, {left} to translate\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

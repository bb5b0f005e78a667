"""What stands in a document: made of the links as they are now, and kept a while for those who ask again."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils import translation

from core import keeping
from subscriptions.feeds import mihomo, sing_box, xray
from subscriptions.feeds.formats import Format, Wanted
from subscriptions.feeds.merging import merged
from subscriptions.feeds.signs import reasons, refused, signs, unfit
from subscriptions.services.devices import Refusal
from subscriptions.status import Reading, State
from vpnpanel.nodes import Node

KEPT_SECONDS = 600
LARGEST_KEPT = 64 * 1024
TEXT, YAML, JSON = "text/plain; charset=utf-8", "text/yaml; charset=utf-8", "application/json; charset=utf-8"
TYPES = {Format.MIHOMO: YAML, Format.CLASH: YAML, Format.SING_BOX: JSON, Format.XRAY: JSON}


@dataclass(frozen=True)
class Body:
    """A document's text, what it is written in, and a mark that changes whenever the text does."""

    text: str
    content_type: str
    mark: str


def body(wanted: Wanted, reading: Reading, language: str, refusal: Refusal = Refusal.NONE) -> Body:
    """Return the document of a reading in the customer's language, or why the device gets none. No query.

    The list costs no more to make than to look up, so it is not kept.
    """
    if refusal:
        with translation.override(language):
            text = _written(wanted, signs(refused(refusal), wanted.format)) or ""
    elif wanted.format == Format.LIST:
        text = _made(wanted, reading, language)
    else:
        key = _key(wanted, reading, language)
        text = keeping.get(key) or _made_and_kept(key, wanted, reading, language)
    mark = hashlib.sha256(text.encode()).hexdigest()[:32]
    return Body(text, TYPES.get(wanted.format, TEXT), mark)


def _key(wanted: Wanted, reading: Reading, language: str) -> str:
    """Return the name of whatever the text depends on; nothing can be read from it.

    The links themselves are in it, not the time they were seen: so no other text can be taken for theirs.
    """
    sources = [[source.location, *source.links] for source in reading.sources]
    parts = [wanted.format, sing_box.is_typed(wanted.version), reading.state, language, sources]
    return f"feed:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


def _made_and_kept(key: str, wanted: Wanted, reading: Reading, language: str) -> str:
    text = _made(wanted, reading, language)
    if len(text) <= LARGEST_KEPT:
        keeping.put(key, text, KEPT_SECONDS)
    return text


def _made(wanted: Wanted, reading: Reading, language: str) -> str:
    with translation.override(language):
        if reading.state != State.ACTIVE:
            return _written(wanted, signs(reasons(reading.state), wanted.format)) or ""
        reserved = (*mihomo.group_names(), *mihomo.BUILT_IN) if wanted.format in TYPES else ()
        nodes = merged(reading.sources, reserved)
        return _written(wanted, nodes) or _written(wanted, signs(unfit(), wanted.format)) or ""


def _written(wanted: Wanted, nodes: list[Node]) -> str | None:
    """Return the text, None if the format can carry none of the nodes."""
    match wanted.format:
        case Format.MIHOMO:
            return _with(nodes, mihomo.carried, mihomo.written)
        case Format.CLASH:
            return _with(nodes, mihomo.carried_by_clash, mihomo.written)
        case Format.SING_BOX:
            return _with(nodes, sing_box.carried, lambda entries: sing_box.written(entries, wanted.version))
        case Format.XRAY:
            named = [(node.name, carried) for node in nodes if (carried := xray.carried(node))]
            return xray.written(named) if named else None
    links = "".join(f"{node.link}\n" for node in nodes)
    return base64.b64encode(links.encode()).decode() if nodes else None


def _with(
    nodes: list[Node],
    carry: Callable[[Node], dict[str, Any] | None],
    write: Callable[[list[dict[str, Any]]], str],
) -> str | None:
    entries = [carried for node in nodes if (carried := carry(node))]
    return write(entries) if entries else None

"""Texts and captions: parse mode, explicit entities, trimming, length, and what Telegram marks by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.telegram.errors import bad_request
from sandbox.telegram.html import Unparsable, parse_html, utf16_length
from sandbox.telegram.links import is_link
from sandbox.telegram.markdown import parse_markdown, parse_markdown_v2
from sandbox.telegram.params import Params

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
RAW_BYTES_LIMIT = 32768
ENTITIES_LIMIT = 100
WHITESPACE = " \t\r\n"
VERBATIM = {"code", "pre", "text_link"}
FOUND_BY_ITSELF = re.compile(
    r"(?P<url>https?://[^\s<>]+[^\s<>.,;:!?)\]'\"])"
    r"|(?<![\w/])(?P<bot_command>/[A-Za-z0-9_]{1,32}(?:@\w{3,32})?)(?![\w/])"
    r"|(?<!\w)(?P<mention>@\w{4,32})"
    r"|(?<!\w)(?P<hashtag>#\w*[^\W\d]\w*)"
)
Parser = Callable[[str], tuple[str, list[dict[str, Any]]]]
PARSERS: dict[str, Parser] = {
    "html": parse_html,
    "markdown": parse_markdown,
    "markdownv2": parse_markdown_v2,
}


@dataclass(frozen=True)
class Formatted:
    """Plain text with its entities, as clients show it."""

    text: str = ""
    entities: list[dict[str, Any]] = field(default_factory=list)


def message_text(params: Params) -> Formatted:
    """Read `text` of a call. Raises ApiError if it is empty, too long or not parsable."""
    raw = params.text("text")
    if not raw.strip():
        raise bad_request("message text is empty")
    if len(raw.encode("utf-8", "surrogatepass")) > RAW_BYTES_LIMIT:
        raise bad_request("message is too long")
    formatted = parsed(raw, params.text("parse_mode"), params.json("entities", "entities"))
    if not formatted.text:
        raise bad_request("message text is empty")
    if len(formatted.text) > TEXT_LIMIT:
        raise bad_request("message is too long")
    return formatted


def caption_text(params: Params) -> Formatted:
    """Read `caption` of a call, empty if absent. Raises ApiError if it is too long or not parsable."""
    raw = params.text("caption")
    formatted = parsed(raw, params.text("parse_mode"), params.json("caption_entities", "caption entities"))
    if len(formatted.text) > CAPTION_LIMIT:
        raise bad_request("message caption is too long")
    return formatted


def parsed(raw: str, mode: str, explicit: Any) -> Formatted:
    if mode and mode.lower() not in PARSERS:
        raise bad_request("unsupported parse_mode")
    try:
        text, entities = PARSERS[mode.lower()](raw) if mode else (raw, explicit_entities(raw, explicit))
    except Unparsable as error:
        raise bad_request(f"can't parse entities: {error}") from error
    text, entities = trimmed(text, entities)
    return Formatted(text, with_found(text, entities[:ENTITIES_LIMIT]))


def explicit_entities(text: str, given: Any) -> list[dict[str, Any]]:
    if not given:
        return []
    if not isinstance(given, list):
        raise Unparsable("expected an Array of MessageEntity")
    end = utf16_length(text)
    for entity in given:
        if not isinstance(entity, dict) or not {"type", "offset", "length"} <= entity.keys():
            raise Unparsable("expected an Object with type, offset and length")
    inside = [each for each in given if each["offset"] >= 0 and 0 < each["length"] <= end - each["offset"]]
    return sorted(inside, key=lambda each: (each["offset"], -each["length"]))


def trimmed(text: str, entities: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """Cut white space at both ends, as clients never show it, and clip the entities to what is left."""
    cut = len(text) - len(text.lstrip(WHITESPACE))
    text = text.strip(WHITESPACE)
    end = utf16_length(text)
    kept = []
    for entity in entities:
        start = max(entity["offset"] - cut, 0)
        stop = min(entity["offset"] - cut + entity["length"], end)
        if stop > start:
            kept.append(entity | {"offset": start, "length": stop - start})
    return text, kept


def with_found(text: str, entities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add links, commands, mentions and hashtags outside of code and of explicit links."""
    if not any(sign in text for sign in ("/", "@", "#")):
        return entities
    taken = [
        (each["offset"], each["offset"] + each["length"]) for each in entities if each["type"] in VERBATIM
    ]
    found = []
    for match in FOUND_BY_ITSELF.finditer(text):
        start = utf16_length(text[: match.start()])
        stop = start + utf16_length(match[0])
        free = all(stop <= begin or end <= start for begin, end in taken)
        if free and (match.lastgroup != "url" or is_link(match[0])):
            found.append({"type": str(match.lastgroup), "offset": start, "length": stop - start})
    return sorted(entities + found, key=lambda each: (each["offset"], -each["length"]))

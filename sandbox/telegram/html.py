"""Telegram's HTML: a small strict language, not the browser's.

Rules and texts: MessageEntity parsing of https://github.com/tdlib/td (test/message_entities.cpp).
Offsets in errors count bytes of the source; offsets of entities count UTF-16 units of the result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sandbox.telegram.links import InvalidLink, checked_link

KINDS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "a": "text_link",
    "blockquote": "blockquote",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
}
# Of entities over the same text the earlier kind is the outer one.
NESTING = (
    "blockquote",
    "expandable_blockquote",
    "pre",
    "code",
    "text_link",
    "text_mention",
    "date_time",
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "custom_emoji",
)
REFERENCE = re.compile(r"&(?:#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))|(lt|gt|amp|quot));?")
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
SPACE = " \t\r\n\0\v\f"


class Unparsable(ValueError):
    """Markup that Telegram refuses; the text is the server's."""


@dataclass(slots=True)
class OpenTag:
    name: str
    attributes: dict[str, str]
    text_start: int
    units_start: int


def utf16_length(text: str) -> int:
    """Count UTF-16 code units, the unit of every entity offset."""
    return len(text) + sum(character > "\uffff" for character in text)


def decode_references(text: str) -> str:
    return REFERENCE.sub(decoded, text)


def decoded(found: re.Match[str]) -> str:
    if found[3]:
        return NAMED[found[3]]
    code = int(found[1], 16) if found[1] else int(found[2])
    return chr(code) if 0 < code <= 0x10FFFF else found[0]


def parse_html(source: str) -> tuple[str, list[dict[str, Any]]]:
    """Give plain text and entities. Raises Unparsable with the server's words."""
    if "<" not in source and "&" not in source:
        return source, []
    text, entities = Reader(source).read()
    if any("\ud800" <= character <= "\udfff" for character in text):
        reason = "check for unmatched surrogate code units"
        raise Unparsable(f"Text contains invalid Unicode characters after decoding HTML entities, {reason}")
    return text, entities


class Reader:
    """Walks the source once, from tag to tag."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.parts: list[str] = []
        self.length = 0
        self.units = 0
        self.open: list[OpenTag] = []
        self.entities: list[dict[str, Any]] = []

    def read(self) -> tuple[str, list[dict[str, Any]]]:
        while (tag := self.source.find("<", self.at)) >= 0:
            self.take_text(self.source[self.at : tag])
            self.at = tag
            if self.source.startswith("</", tag):
                self.end_tag()
            else:
                self.start_tag()
        self.take_text(self.source[self.at :])
        if self.open:
            raise Unparsable(f'Can\'t find end tag corresponding to start tag "{self.open[-1].name}"')
        return "".join(self.parts), join_code_blocks(in_order(self.entities))

    def take_text(self, raw: str) -> None:
        text = decode_references(raw) if "&" in raw else raw
        self.parts.append(text)
        self.length += len(text)
        self.units += utf16_length(text)

    def byte_offset(self, position: int) -> int:
        return len(self.source[:position].encode("utf-8", "surrogatepass"))

    def name_until(self, position: int, stop: str) -> str:
        end = position
        while end < len(self.source) and self.source[end] not in stop:
            end += 1
        return self.source[position:end]

    def skip_space(self, position: int) -> int:
        while position < len(self.source) and self.source[position] in SPACE:
            position += 1
        return position

    def start_tag(self) -> None:
        begin = self.at
        name = self.name_until(begin + 1, SPACE + ">")
        after = begin + 1 + len(name)
        if after >= len(self.source):
            raise Unparsable(f"Unclosed start tag at byte offset {self.byte_offset(begin)}")
        name = name.lower()
        if name not in KINDS:
            raise Unparsable(f'Unsupported start tag "{name}" at byte offset {self.byte_offset(begin)}')
        attributes, self.at = self.attributes(begin, name, after)
        if name == "span" and attributes.get("class") != "tg-spoiler":
            raise Unparsable(
                f'Tag "span" must have class "tg-spoiler" at byte offset {self.byte_offset(begin)}'
            )
        self.open.append(OpenTag(name, attributes, self.length, self.units))

    def attributes(self, begin: int, tag: str, position: int) -> tuple[dict[str, str], int]:
        """Read name=value pairs up to the closing bracket; give them and the position behind it."""
        found: dict[str, str] = {}
        while (position := self.skip_space(position)) < len(self.source) and self.source[position] != ">":
            name = self.name_until(position, SPACE + "=>")
            if not name:
                raise Unparsable(
                    f'Empty attribute name in the tag "{tag}" at byte offset {self.byte_offset(begin)}'
                )
            position = self.skip_space(position + len(name))
            if position >= len(self.source):
                raise Unparsable(f'Unclosed start tag "{tag}" at byte offset {self.byte_offset(begin)}')
            if not self.source.startswith("=", position):
                if tag == "blockquote" and name.lower() == "expandable":
                    found["expandable"] = ""
                    continue
                where = f'attribute of the tag "{tag}" at byte offset {self.byte_offset(begin)}'
                raise Unparsable(f"Expected equal sign in declaration of an {where}")
            position = self.skip_space(position + 1)
            if position >= len(self.source):
                raise Unparsable(f'Unclosed start tag "{tag}" at byte offset {self.byte_offset(begin)}')
            found[name.lower()], position = self.value(begin, position)
        if position >= len(self.source):
            raise Unparsable(f"Unclosed start tag at byte offset {self.byte_offset(begin)}")
        return found, position + 1

    def value(self, begin: int, position: int) -> tuple[str, int]:
        quote = self.source[position]
        if quote in "\"'":
            end = self.source.find(quote, position + 1)
            if end < 0:
                raise Unparsable(f"Unclosed start tag at byte offset {self.byte_offset(begin)}")
            return decode_references(self.source[position + 1 : end]), end + 1
        token = re.compile(r"[A-Za-z0-9.-]*").match(self.source, position)
        end = position if token is None else token.end()
        if end >= len(self.source) or self.source[end] not in SPACE + ">":
            raise Unparsable(f"Unexpected end of name token at byte offset {self.byte_offset(position)}")
        return self.source[position:end].lower(), end

    def end_tag(self) -> None:
        begin = self.at
        if not self.open:
            raise Unparsable(f"Unexpected end tag at byte offset {self.byte_offset(begin)}")
        name = self.name_until(begin + 2, SPACE + ">")
        close = self.skip_space(begin + 2 + len(name))
        if not self.source.startswith(">", close):
            raise Unparsable(f"Unclosed end tag at byte offset {self.byte_offset(begin)}")
        tag = self.open.pop()
        if name and name.lower() != tag.name:
            words = f'expected "</{tag.name}>", found "</{name.lower()}>"'
            raise Unparsable(f"Unmatched end tag at byte offset {self.byte_offset(begin)}, {words}")
        self.at = close + 1
        if self.units > tag.units_start:
            self.close(tag)

    def close(self, tag: OpenTag) -> None:
        entity = {"type": KINDS[tag.name], "offset": tag.units_start, "length": self.units - tag.units_start}
        inside = "".join(self.parts)[tag.text_start :] if tag.name == "a" else ""
        extra = details(tag, inside)
        if extra is not None:
            self.entities.append(entity | extra)


def details(tag: OpenTag, inside: str) -> dict[str, Any] | None:
    """Give an entity's own fields, None if the tag leaves no entity (a link that leads nowhere)."""
    match tag.name:
        case "a":
            return link_details(tag.attributes.get("href") or inside)
        case "blockquote" if "expandable" in tag.attributes:
            return {"type": "expandable_blockquote"}
        case "code" if tag.attributes.get("class", "").startswith("language-"):
            return {"language": tag.attributes["class"].removeprefix("language-")}
        case "tg-emoji":
            return emoji_details(tag.attributes.get("emoji-id", ""))
        case "tg-time":
            return time_details(tag.attributes)
    return {}


def link_details(address: str) -> dict[str, Any] | None:
    mention = re.fullmatch(r"tg:(?://)?user\?id=(\d+)", address)
    if mention is not None:
        return {"type": "text_mention", "user": {"id": int(mention[1]), "is_bot": False, "first_name": ""}}
    try:
        return {"url": checked_link(address)}
    except InvalidLink:
        return None


def emoji_details(identifier: str) -> dict[str, Any]:
    if not identifier.isdecimal():
        raise Unparsable("Invalid custom emoji identifier specified")
    return {"custom_emoji_id": identifier}


def time_details(attributes: dict[str, str]) -> dict[str, Any]:
    moment = attributes.get("unix", "")
    if not moment.isdecimal():
        raise Unparsable("Invalid Unix time specified")
    return {"unix_time": int(moment), "date_time_format": attributes.get("format", "")}


def in_order(entities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort by place, the wider first, equals by how kinds nest."""
    return sorted(entities, key=lambda each: (each["offset"], -each["length"], NESTING.index(each["type"])))


def join_code_blocks(entities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make one block with a language of <pre> and <code class="language-x"> over the same text."""
    languages = {span(each): each["language"] for each in entities if each.get("language")}
    blocks = {span(each) for each in entities if each["type"] == "pre"}
    joined: list[dict[str, Any]] = []
    for entity in entities:
        language = languages.get(span(entity))
        plain = {key: value for key, value in entity.items() if key != "language"}
        if entity["type"] == "pre" and language:
            joined.append(plain | {"language": language})
        elif not (entity["type"] == "code" and language and span(entity) in blocks):
            joined.append(plain)
    return joined


def span(entity: dict[str, Any]) -> tuple[int, int]:
    return entity["offset"], entity["length"]

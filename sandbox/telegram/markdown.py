"""Telegram's MarkdownV2 and legacy Markdown.

Rules and texts: MessageEntity parsing of https://github.com/tdlib/td. Offsets in errors count bytes.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.telegram.html import Unparsable, in_order, link_details, utf16_length

MARKS = (
    ("```", "pre", "Pre"),
    ("`", "code", "Code"),
    ("||", "spoiler", "Spoiler"),
    ("__", "underline", "Underline"),
    ("_", "italic", "Italic"),
    ("*", "bold", "Bold"),
    ("~", "strikethrough", "Strikethrough"),
)
RESERVED = "]()>#+-=|{}.!"
LEGACY_MARKS = {"_": "italic", "*": "bold", "`": "code"}


def parse_markdown_v2(source: str) -> tuple[str, list[dict[str, Any]]]:
    """Give plain text and entities. Raises Unparsable with the server's words."""
    reader = Reader(source)
    while reader.at < len(source):
        reader.step()
    return reader.finish()


class Reader:
    """Walks the source once; `open` holds (mark, kind, label, units where it began, place in the source)."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.text = ""
        self.open: list[tuple[str, str, str, int, int]] = []
        self.entities: list[dict[str, Any]] = []

    def step(self) -> None:
        character = self.source[self.at]
        escaped = self.source[self.at + 1 : self.at + 2]
        if character == "\\" and escaped and ord(escaped) < 127:
            self.take(escaped, 2)
        elif self.open and self.open[-1][1] in ("pre", "code"):
            self.step_in_code()
        elif self.open and self.source.startswith(self.open[-1][0], self.at) and not self.ambiguous():
            self.end_mark()
        elif character == "[":
            self.open.append(("]", "text_link", "a URL", utf16_length(self.text), self.at))
            self.at += 1
        elif not self.begin_mark():
            if character in RESERVED:
                message = "is reserved and must be escaped with the preceding '\\'"
                raise Unparsable(f"Character '{character}' {message}")
            self.take(character, 1)

    def ambiguous(self) -> bool:
        """An open italic before `__` ends as underline only if underline is what stands open."""
        return self.open[-1][0] == "_" and self.source.startswith("__", self.at)

    def step_in_code(self) -> None:
        if self.source.startswith(self.open[-1][0], self.at):
            self.end_mark()
        else:
            self.take(self.source[self.at], 1)

    def take(self, character: str, width: int) -> None:
        self.text += character
        self.at += width

    def begin_mark(self) -> bool:
        for mark, kind, label in MARKS:
            if self.source.startswith(mark, self.at):
                self.open.append((mark, kind, label, utf16_length(self.text), self.at))
                self.at += len(mark)
                return True
        return False

    def end_mark(self) -> None:
        mark, kind, _, start, began = self.open.pop()
        self.at += len(mark)
        entity: dict[str, Any] = {"type": kind, "offset": start, "length": utf16_length(self.text) - start}
        if kind == "text_link":
            extra = link_details(self.address(began))
            if extra is None:
                return
            entity |= extra
        elif kind == "pre":
            entity |= self.cut_language(began, start)
            entity["length"] = utf16_length(self.text) - start
        if entity["length"] > 0:
            self.entities.append(entity)

    def address(self, began: int) -> str:
        """Read `(address)` behind a link's text; without it the text itself is the address."""
        if not self.source.startswith("(", self.at):
            return self.source[began + 1 : self.at - 1].replace("\\", "")
        found = re.compile(r"\(((?:\\.|[^\\)])*)\)", re.DOTALL).match(self.source, self.at)
        if found is None:
            raise Unparsable(f"Can't find end of a URL at byte offset {self.byte_offset(self.at + 1)}")
        self.at = found.end()
        return re.sub(r"\\(.)", r"\1", found[1])

    def cut_language(self, began: int, start: int) -> dict[str, str]:
        found = re.compile(r"([^\s`]+)(?:\r\n|\n\r|\s)").match(self.source, began + 3)
        kept = len(self.text.encode("utf-16-le")[: start * 2].decode("utf-16-le"))
        if found is None:
            self.text = self.text[:kept] + self.text[kept:].removeprefix("\n")
            return {}
        self.text = self.text[:kept] + self.text[kept + len(found[0]) :]
        return {"language": found[1]}

    def byte_offset(self, position: int) -> int:
        return len(self.source[:position].encode())

    def finish(self) -> tuple[str, list[dict[str, Any]]]:
        if self.open:
            _, kind, label, _, began = self.open[-1]
            entity = "" if kind == "text_link" else " entity"
            raise Unparsable(f"Can't find end of {label}{entity} at byte offset {self.byte_offset(began)}")
        return self.text, in_order(self.entities)


def parse_markdown(source: str) -> tuple[str, list[dict[str, Any]]]:
    """Legacy Markdown: no nesting, no escapes inside an entity. Raises Unparsable with the server's words."""
    text, entities, at = "", [], 0
    while at < len(source):
        character = source[at]
        if character == "\\" and source[at + 1 : at + 2] in ("_", "*", "`", "["):
            text, at = text + source[at + 1], at + 2
        elif character in LEGACY_MARKS or (character == "[" and link_at(source, at)):
            inside, extra, end = legacy_entity(source, at)
            place = {"offset": utf16_length(text), "length": utf16_length(inside)}
            if inside and extra is not None:
                entities.append({"type": "text_link"} | place | extra)
            text, at = text + inside, end
        else:
            text, at = text + character, at + 1
    return text, in_order(entities)


def link_at(source: str, at: int) -> re.Match[str] | None:
    return re.compile(r"\[([^\]]*)\]\(([^)]*)\)").match(source, at)


def legacy_entity(source: str, at: int) -> tuple[str, dict[str, Any] | None, int]:
    """Read the entity that begins here: its text, its fields (None if it leaves none) and where it ends."""
    link = link_at(source, at)
    if link is not None:
        return link[1], link_details(link[2]), link.end()
    mark = "```" if source.startswith("```", at) else source[at]
    end = source.find(mark, at + len(mark))
    if end < 0:
        offset = len(source[:at].encode())
        raise Unparsable(f"Can't find end of the entity starting at byte offset {offset}")
    kind = "pre" if mark == "```" else LEGACY_MARKS[mark]
    return source[at + len(mark) : end], {"type": kind}, end + len(mark)

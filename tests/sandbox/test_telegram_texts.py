import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.telegram.html import Unparsable, parse_html
from sandbox.telegram.markdown import parse_markdown_v2
from tests.sandbox.telegram_server import Refused, rows

READABLE = [row for row in rows("html") if "error" not in row]
BROKEN = [row for row in rows("html") if "error" in row]


@pytest.mark.parametrize("row", READABLE, ids=lambda row: row["html"][:40])
def test_html_becomes_text_and_entities(row):
    text, entities = parse_html(row["html"])

    assert text == row["text"]
    expected = [
        {"type": kind, "offset": offset, "length": length} | dict(*extra)
        for kind, offset, length, *extra in row["entities"]
    ]
    assert entities == expected


@given(st.text())
def test_whatever_is_escaped_comes_back_as_it_was(text):
    assert parse_html(f"<b>{html.escape(text)}</b>")[0] == text


@given(st.text(alphabet="<>/&;b =\"'a#x🔑", max_size=30))
def test_any_source_is_read_or_refused_with_entities_inside_the_text(source):
    try:
        text, entities = parse_html(source)
    except Unparsable:
        return
    units = len(text.encode("utf-16-le")) // 2
    assert all(0 <= each["offset"] < each["offset"] + each["length"] <= units for each in entities)


@pytest.mark.parametrize("row", BROKEN, ids=lambda row: row["html"][:40])
def test_broken_html_is_refused_in_the_servers_words(row):
    with pytest.raises(Unparsable) as refused:
        parse_html(row["html"])

    assert str(refused.value) == row["error"]


@pytest.mark.parametrize(
    ("mode", "source", "text", "kinds"),
    [
        ("MarkdownV2", r"*b* _i_ __u__", "b i u", "bold italic underline"),
        ("MarkdownV2", r"~s~ ||p|| `c`", "s p c", "strikethrough spoiler code"),
        ("MarkdownV2", r"a\.b\!", "a.b!", ""),
        ("MarkdownV2", r"[shop](https://shop.example.com)", "shop", "text_link"),
        ("MarkdownV2", "```py\nx = 1```", "x = 1", "pre"),
        ("Markdown", "*b* _i_ `c` [l](https://shop.example.com)", "b i c l", "bold italic code text_link"),
    ],
)
async def test_markdown_becomes_entities(server, mode, source, text, kinds):
    sent = await server.call("sendMessage", chat_id=7, text=source, parse_mode=mode)

    assert sent["text"] == text
    assert [entity["type"] for entity in sent.get("entities", [])] == kinds.split()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("ключ _a", "Can't find end of Italic entity at byte offset 9"),
        ("ключ __a_", "Can't find end of Italic entity at byte offset 12"),
        ("*a", "Can't find end of Bold entity at byte offset 0"),
        ("a `", "Can't find end of Code entity at byte offset 2"),
        ("[shop](https://x", "Can't find end of a URL at byte offset 7"),
        ("1. a", "Character '.' is reserved and must be escaped with the preceding '\\'"),
    ],
)
def test_broken_markdown_is_refused_in_the_servers_words(source, reason):
    with pytest.raises(Unparsable) as refused:
        parse_markdown_v2(source)

    assert str(refused.value) == reason


async def test_the_length_limit_counts_parsed_text(server):
    sent = await server.call("sendMessage", chat_id=7, text="<b>" + "a" * 4096 + "</b>", parse_mode="HTML")
    assert len(sent["text"]) == 4096

    with pytest.raises(Refused, match="^Bad Request: message is too long$"):
        await server.call("sendMessage", chat_id=7, text="a" * 4097)


async def test_raw_text_has_a_limit_of_its_own(server):
    with pytest.raises(Refused, match="message is too long"):
        await server.call("sendMessage", chat_id=7, text="<b></b>" * 5000 + "a", parse_mode="HTML")


async def test_white_space_at_the_ends_is_cut_and_entities_move(server):
    sent = await server.call("sendMessage", chat_id=7, text="\n <b>a </b>\n", parse_mode="HTML")

    assert sent["text"] == "a"
    assert sent["entities"] == [{"type": "bold", "offset": 0, "length": 1}]


async def test_links_and_commands_are_found_outside_of_code(server):
    text = "/help 🔑 https://shop.example.com/s/x. <code>https://not.example.com</code>"
    sent = await server.call("sendMessage", chat_id=7, text=text, parse_mode="HTML")

    found = [(entity["type"], entity["offset"], entity["length"]) for entity in sent["entities"]]
    assert found == [("bot_command", 0, 5), ("url", 9, 28), ("code", 39, 23)]


async def test_entities_given_outright_are_kept(server):
    bold = {"type": "bold", "offset": 0, "length": 1}
    assert (await server.call("sendMessage", chat_id=7, text="ab", entities=[bold]))["entities"] == [bold]


async def test_more_than_a_hundred_entities_are_cut(server):
    sent = await server.call("sendMessage", chat_id=7, text="<b>a</b> " * 101, parse_mode="HTML")
    assert len(sent["entities"]) == 100

import pytest

from tests.sandbox.telegram_server import GO, TOKEN, Refused, TelegramServer, png

DAY = 86_400
TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"


async def send_photo(server: TelegramServer, **more):
    return await server.upload("sendPhoto", "photo", png(600, 400), chat_id=7, **more)


async def test_a_message_has_the_shape_of_the_contract(server):
    sent = await server.call("sendMessage", chat_id=7, text="<i>Hi</i>", parse_mode="HTML", reply_markup=GO)

    assert sent.pop("date") > 1_700_000_000
    assert sent == {
        "message_id": 2,
        "from": {
            "id": 1000000001,
            "is_bot": True,
            "first_name": "sandbox_vpn_bot",
            "username": "sandbox_vpn_bot",
        },
        "chat": {"id": 7, "first_name": "Anna", "type": "private"},
        "text": "Hi",
        "entities": [{"type": "italic", "offset": 0, "length": 2}],
        "reply_markup": GO,
    }


async def test_an_edit_replaces_text_and_drops_the_keyboard_that_is_not_given(server):
    sent = await server.call("sendMessage", chat_id=7, text="one", reply_markup=GO)
    await server.later(60)
    edited = await server.call("editMessageText", chat_id=7, message_id=sent["message_id"], text="two")

    assert edited["text"] == "two" and "reply_markup" not in edited
    assert edited["edit_date"] >= edited["date"] + 60
    assert (await server.look("chats/7"))[-1] == edited


async def test_an_edit_of_the_preview_alone_is_a_change(server):
    sent = await server.call("sendMessage", chat_id=7, text="one")
    off = {"is_disabled": True}
    edited = await server.call(
        "editMessageText", chat_id=7, message_id=sent["message_id"], text="one", link_preview_options=off
    )
    assert edited["link_preview_options"] == off


async def test_a_keyboard_is_changed_alone(server):
    sent = await server.call("sendMessage", chat_id=7, text="one")
    where = {"chat_id": 7, "message_id": sent["message_id"]}

    assert (await server.call("editMessageReplyMarkup", **where, reply_markup=GO))["reply_markup"] == GO
    assert "reply_markup" not in await server.call("editMessageReplyMarkup", **where)


async def test_a_photo_comes_in_ascending_sizes_and_can_be_sent_again(server):
    sent = await send_photo(server, caption="QR")
    assert [size["width"] for size in sent["photo"]] == [90, 320, 600]
    assert sent["caption"] == "QR"

    again = await server.call("sendPhoto", chat_id=7, photo=sent["photo"][0]["file_id"])
    assert again["photo"] == sent["photo"]


async def test_a_file_is_downloaded_by_its_path(server):
    size = (await send_photo(server))["photo"][-1]
    file = await server.call("getFile", file_id=size["file_id"])

    async with server.http.get(f"{server.address}/file/bot{TOKEN}/{file['file_path']}") as response:
        assert await response.read() == png(600, 400)
    async with server.http.get(f"{server.address}/file/bot{TOKEN}/photos/other.jpg") as response:
        assert response.status == 404


async def test_the_same_bytes_sent_again_are_kept_once(server):
    sent = [(await send_photo(server))["photo"][-1] for _ in range(2)]
    paths = {(await server.call("getFile", file_id=size["file_id"]))["file_path"] for size in sent}

    assert sent[0]["file_id"] != sent[1]["file_id"]
    assert len(paths) == 1


async def test_a_document_keeps_name_and_type(server):
    sent = await server.upload("sendDocument", "document", b"vless://x", name="key.txt", chat_id=7)
    document = sent["document"]

    assert (document["file_name"], document["file_size"]) == ("key.txt", 9)
    assert (await server.call("sendDocument", chat_id=7, document=document["file_id"]))[
        "document"
    ] == document


@pytest.mark.parametrize(
    ("picture", "description"),
    [
        (b"no picture", "Bad Request: IMAGE_PROCESS_FAILED"),
        (png(2100, 100), "Bad Request: PHOTO_INVALID_DIMENSIONS"),
        (png(9000, 1001), "Bad Request: PHOTO_INVALID_DIMENSIONS"),
    ],
    ids=["no picture", "too long", "too wide"],
)
async def test_a_photo_telegram_would_not_take_is_refused(server, picture, description):
    with pytest.raises(Refused) as refused:
        await server.upload("sendPhoto", "photo", picture, chat_id=7)
    assert str(refused.value) == description


async def test_a_photo_above_ten_megabytes_is_refused(server):
    reason = "file of size 10485761 bytes is too big for a photo; the maximum size is 10485760 bytes"
    with pytest.raises(Refused, match=f"^Bad Request: {reason}$"):
        await server.upload("sendPhoto", "photo", bytes(10 * 1024 * 1024 + 1), chat_id=7)


async def test_the_caption_limit_counts_parsed_text(server):
    sent = await send_photo(server, caption="<b>" + "a" * 1024 + "</b>", parse_mode="HTML")
    assert len(sent["caption"]) == 1024

    with pytest.raises(Refused, match="message caption is too long"):
        await send_photo(server, caption="a" * 1025)


async def test_a_text_becomes_a_photo_and_its_caption_changes(server):
    text = await server.call("sendMessage", chat_id=7, text="one")
    where = {"chat_id": 7, "message_id": text["message_id"]}
    photo = (await send_photo(server))["photo"][-1]["file_id"]

    media = {"type": "photo", "media": photo, "caption": "new"}
    edited = await server.call("editMessageMedia", **where, media=media)
    assert edited["caption"] == "new" and "text" not in edited
    assert (await server.call("editMessageCaption", **where, caption="newer"))["caption"] == "newer"
    with pytest.raises(Refused, match="message is not modified"):
        await server.call("editMessageCaption", **where, caption="newer ")


async def test_media_is_uploaded_with_an_edit(server):
    sent = await send_photo(server)
    media = '{"type": "photo", "media": "attach://part"}'
    edited = await server.upload(
        "editMessageMedia", "part", png(50, 50), chat_id=7, message_id=sent["message_id"], media=media
    )
    assert edited["photo"][-1]["width"] == 50


async def test_a_deleted_message_is_gone(server):
    sent = await server.call("sendMessage", chat_id=7, text="one")
    assert await server.call("deleteMessage", chat_id=7, message_id=sent["message_id"])
    assert [message["text"] for message in await server.look("chats/7")] == ["/start"]


async def test_a_message_can_be_deleted_for_48_hours(server):
    sent = await server.call("sendMessage", chat_id=7, text="one")
    await server.later(2 * DAY + 5)

    with pytest.raises(Refused, match="^Bad Request: message can't be deleted$"):
        await server.call("deleteMessage", chat_id=7, message_id=sent["message_id"])
    assert await server.call("editMessageText", chat_id=7, message_id=sent["message_id"], text="two")


async def test_an_answer_reaches_the_customer_once(server):
    press = await server.pressed()
    assert not (await server.look(f"callbacks/{press}"))["answered"]
    await server.call("answerCallbackQuery", callback_query_id=press, text="Done", show_alert=True)

    seen = await server.look(f"callbacks/{press}")
    assert (seen["answered"], seen["text"], seen["show_alert"]) == (True, "Done", True)
    with pytest.raises(Refused) as refused:
        await server.call("answerCallbackQuery", callback_query_id=press)
    assert (refused.value.status, str(refused.value)) == (400, TOO_OLD)


@pytest.mark.parametrize(("settings", "seconds"), [({}, 60), ({"answer_seconds": 10}, 10)])
async def test_an_answer_can_come_too_late(server, settings, seconds):
    await server.emu("timing", **settings) if settings else None
    in_time, late = await server.pressed(), await server.pressed()
    await server.later(seconds - 2)
    assert await server.call("answerCallbackQuery", callback_query_id=in_time)

    await server.later(3)
    with pytest.raises(Refused, match="query is too old"):
        await server.call("answerCallbackQuery", callback_query_id=late)


@pytest.mark.parametrize(
    ("answer", "description"),
    [({"text": "a" * 201}, "MESSAGE_TOO_LONG"), ({"url": "https://shop.example.com"}, "URL_INVALID")],
)
async def test_an_answer_telegram_would_not_show_is_refused(server, answer, description):
    press = await server.pressed()
    with pytest.raises(Refused, match=f"^Bad Request: {description}$"):
        await server.call("answerCallbackQuery", callback_query_id=press, **answer)


async def test_an_answer_may_open_the_bot_with_a_payload(server):
    press, url = await server.pressed(), "https://t.me/sandbox_vpn_bot?start=pay"
    await server.call("answerCallbackQuery", callback_query_id=press, url=url)
    assert (await server.look(f"callbacks/{press}"))["url"] == url


@pytest.mark.parametrize("row_lengths", [[9], [8] * 12 + [5]])
async def test_a_keyboard_may_have_8_buttons_in_a_row_and_100_in_all(server, row_lengths):
    key = {"text": "a", "callback_data": "a"}
    rows = [[key] * length for length in row_lengths]

    with pytest.raises(Refused, match="^Bad Request: reply markup is too long$"):
        await server.call("sendMessage", chat_id=7, text="a", reply_markup={"inline_keyboard": rows})
    fitting = {"inline_keyboard": [row[:8] for row in rows][:12]}
    assert await server.call("sendMessage", chat_id=7, text="a", reply_markup=fitting)


async def test_a_reply_keyboard_may_be_wider(server):
    sent = await server.call("sendMessage", chat_id=7, text="a", reply_markup={"keyboard": [["a"] * 12]})
    assert "reply_markup" not in sent

    with pytest.raises(Refused, match="reply markup is too long"):
        await server.call("sendMessage", chat_id=7, text="a", reply_markup={"keyboard": [["a"] * 13]})


async def test_a_mention_names_whom_telegram_knows(server):
    text = '<a href="tg://user?id=7">Anna</a> <a href="tg://user?id=404">Nobody</a>'
    sent = await server.call("sendMessage", chat_id=7, text=text, parse_mode="HTML")

    assert [entity["user"]["first_name"] for entity in sent["entities"]] == ["Anna"]
    stranger = '<a href="tg://user?id=404">Nobody</a>'
    assert "entities" not in await server.call("sendMessage", chat_id=7, text=stranger, parse_mode="HTML")
    with pytest.raises(Refused, match="message is not modified"):
        same = {"chat_id": 7, "message_id": sent["message_id"], "text": text, "parse_mode": "HTML"}
        await server.call("editMessageText", **same)


async def test_an_answer_quotes_the_message_it_answers(server):
    sent = await server.call("sendMessage", chat_id=7, text="a", reply_parameters={"message_id": 1})
    assert sent["reply_to_message"]["text"] == "/start"
    free = {"message_id": 99, "allow_sending_without_reply": True}
    assert "reply_to_message" not in await server.call(
        "sendMessage", chat_id=7, text="a", reply_parameters=free
    )


async def test_the_newest_messages_of_a_chat_can_be_asked_for_alone(server):
    for text in ("one", "two"):
        await server.call("sendMessage", chat_id=7, text=text)
    assert await server.look("chats/7?last=2") == (await server.look("chats/7"))[1:]
    assert "last" in str(await server.look("chats/7?last=0"))

"""The contract's tables of refusals, replayed over HTTP (tests/fixtures/telegram)."""

import pytest

from tests.sandbox.telegram_server import TOKEN, Refused, rows


@pytest.mark.parametrize("row", rows("refusals"), ids=lambda row: row["case"])
async def test_a_refusal_has_the_servers_code_and_words(world, row):
    with pytest.raises(Refused) as refused:
        await world.call(row["method"], **row["params"])

    assert refused.value.status == row["status"]
    expected = {"ok": False, "error_code": row["status"], "description": row["description"]}
    extra = {"parameters": row["parameters"]} if "parameters" in row else {}
    assert refused.value.body == expected | extra


@pytest.mark.parametrize("row", rows("buttons"), ids=lambda row: row["case"])
async def test_a_button_is_kept_or_refused_as_the_server_does(world, row):
    keyboard = {"inline_keyboard": [[row["button"]]]}
    message = {"chat_id": row.get("chat_id", 7), "text": "a", "reply_markup": keyboard}
    if "description" in row:
        with pytest.raises(Refused) as refused:
            await world.call("sendMessage", **message)
        assert (refused.value.status, str(refused.value)) == (400, row["description"])
    else:
        sent = await world.call("sendMessage", **message)
        assert sent["reply_markup"]["inline_keyboard"] == [[row.get("kept", row["button"])]]


@pytest.mark.parametrize(
    ("token", "description"),
    [
        ("1000000001:another-secret", "Unauthorized"),
        ("01:begins-with-zero", "Unauthorized: invalid token specified"),
        ("no-colon", "Unauthorized: invalid token specified"),
        ("1:" + "x" * 80, "Unauthorized: invalid token specified"),
    ],
)
async def test_a_wrong_token_is_unauthorized(server, token, description):
    with pytest.raises(Refused) as refused:
        await server.answer("getMe", token=token)

    assert (refused.value.status, str(refused.value)) == (401, description)


async def test_method_names_have_no_case(server):
    assert (await server.answer("GETME"))["result"]["username"] == "sandbox_vpn_bot"


@pytest.mark.parametrize("how", ["json", "data"])
async def test_parameters_come_as_json_or_form(server, how):
    assert (await server.answer("sendMessage", **{how: {"chat_id": 7, "text": "a"}}))["result"]["text"] == "a"


async def test_parameters_come_in_the_address(server):
    address = f"{server.address}/bot{TOKEN}/sendMessage"
    async with server.http.get(address, params={"chat_id": 7, "text": "a"}) as response:
        assert (await response.json())["result"]["text"] == "a"


async def test_a_logged_out_bot_is_refused_for_ten_minutes(server):
    await server.call("logOut")
    with pytest.raises(Refused, match="^Logged out$"):
        await server.call("getMe")

    await server.later(601)
    assert (await server.call("getMe"))["is_bot"]

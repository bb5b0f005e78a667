"""The legacy dialect: clients inside an inbound's settings, a list that writers read and write back."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.xui.owner import client

EMPTY = {"settings": json.dumps({}), "id": 1}


def test_a_client_lives_through_add_update_and_delete(legacy):
    assert legacy.add(1, client("anna"), client("boris"))["msg"] == "Inbound client(s) have been added."
    anna = client("anna", totalGB=5, expiryTime=1_900_000_000_000, enable=False)
    assert legacy.write(f"updateClient/{anna['id']}", 1, anna)["msg"] == "Inbound client has been updated."
    stored = {each["email"]: each for each in legacy.stored(1)}
    assert anna.items() <= stored["anna"].items()
    assert not legacy.world.users()["anna"]["can_connect"]
    assert legacy.obj("POST", f"panel/api/inbounds/1/delClient/{anna['id']}") is None
    assert list(legacy.world.users()) == ["boris"]


def test_a_form_is_taken_too(legacy):
    form = {"id": "1", "settings": json.dumps({"clients": [client("anna")]})}
    assert legacy.obj("POST", "panel/api/inbounds/addClient", data=form) is None
    assert legacy.world.users()["anna"]["can_connect"]


def test_an_update_replaces_everything_but_the_date_of_birth(legacy):
    legacy.add(1, client("anna", comment="order 7", totalGB=9))
    born = legacy.stored(1)[0]["created_at"]
    short = {"id": client("anna")["id"], "email": "anna"}
    legacy.write(f"updateClient/{short['id']}", 1, short)
    stored = legacy.stored(1)[0]
    assert set(stored) == {"id", "email", "created_at", "updated_at"}
    assert stored["created_at"] == born
    assert not legacy.world.users()["anna"]["can_connect"]


@pytest.mark.parametrize("path", ["addClient", "updateClient/some-key"])
@pytest.mark.parametrize("settings", ["{}", '{"clients": []}', '{"clients": null}'])
def test_a_write_without_clients_crashes_with_an_empty_body(legacy, path, settings):
    response = legacy.call("POST", f"panel/api/inbounds/{path}", json={"id": 1, "settings": settings})
    assert (response.status_code, response.content) == (500, b"")


def test_a_name_is_taken_over_all_inbounds_in_any_case(legacy):
    legacy.add(1, client("anna"))
    body = {"id": 2, "settings": json.dumps({"clients": [client("boris"), client("ANNA")]})}
    error = legacy.error("POST", "panel/api/inbounds/addClient", json=body)
    assert error == "Something went wrong (Duplicate email: ANNA\n)"
    assert list(legacy.world.users()) == ["anna"]


def test_the_same_sub_id_may_stand_on_several_names(legacy):
    legacy.add(1, client("anna-i1", subId="anna"))
    legacy.add(2, client("anna-i2", subId="anna"))
    assert [user["inbounds"] for user in legacy.world.users().values()] == [[1], [2]]


@pytest.mark.parametrize(("inbound", "key"), [(1, "id"), (3, "password"), (4, "email"), (5, "id")], ids=str)
def test_each_protocol_names_its_clients_by_a_key_of_its_own(legacy, inbound, key):
    anna = client("anna")
    body = {"id": inbound, "settings": json.dumps({"clients": [anna | {key: ""}]})}
    error = legacy.error("POST", "panel/api/inbounds/addClient", json=body)
    assert error == "Something went wrong (empty client ID\n)"
    legacy.add(inbound, anna, client("boris"))
    legacy.write(f"updateClient/{anna[key]}", inbound, anna | {"comment": "found"})
    assert legacy.stored(inbound)[0]["comment"] == "found"
    assert legacy.obj("POST", f"panel/api/inbounds/{inbound}/delClient/{anna[key]}") is None


def test_an_unknown_key_is_refused_like_an_empty_one(legacy):
    body = {"id": 1, "settings": json.dumps({"clients": [client("anna")]})}
    error = legacy.error("POST", "panel/api/inbounds/updateClient/nobody", json=body)
    assert error == "Something went wrong (empty client ID\n)"


def test_a_key_with_a_slash_cannot_be_addressed(legacy):
    legacy.add(3, client("anna", password="a/b"), client("boris"))
    response = legacy.call("POST", "panel/api/inbounds/3/delClient/a%2Fb")
    assert (response.status_code, response.content) == (404, b"")


def test_the_last_client_of_an_inbound_stays(legacy):
    legacy.add(1, client("anna"))
    error = legacy.error("POST", f"panel/api/inbounds/1/delClient/{client('anna')['id']}")
    assert error == "Something went wrong (no client remained in Inbound\n)"
    assert legacy.error("POST", "panel/api/inbounds/1/delClientByEmail/anna") == error
    assert list(legacy.world.users()) == ["anna"]


def test_a_client_that_is_missing_cannot_be_deleted(legacy):
    legacy.add(1, client("anna"))
    error = legacy.error("POST", "panel/api/inbounds/1/delClientByEmail/nobody")
    assert "Client Not Found In Inbound For Email: nobody" in error


def test_settings_must_be_a_string(legacy):
    body = {"id": 1, "settings": {"clients": [client("anna")]}}
    assert "json: cannot unmarshal object" in legacy.error("POST", "panel/api/inbounds/addClient", json=body)


def test_fields_are_typed(legacy):
    body = {"id": 1, "settings": json.dumps({"clients": [client("anna", tgId="")]})}
    assert "Client.tgId" in legacy.error("POST", "panel/api/inbounds/addClient", json=body)


def test_inbounds_hold_json_in_strings_and_the_rows_beside(legacy):
    legacy.add(1, client("anna", totalGB=7))
    shown = legacy.obj("GET", "panel/api/inbounds/list")[0]
    assert all(isinstance(shown[name], str) for name in ("settings", "streamSettings", "sniffing"))
    reality = json.loads(shown["streamSettings"])["realitySettings"]
    assert reality["settings"]["publicKey"] and reality["shortIds"] and reality["serverNames"]
    row = shown["clientStats"][0]
    assert (row["email"], row["total"], row["enable"], shown["tag"]) == ("anna", 7, True, "inbound-443")
    assert legacy.obj("GET", "panel/api/inbounds/get/1")["clientStats"] is None
    assert legacy.error("GET", "panel/api/inbounds/get/99") == "Obtain (record not found)"


def test_two_writers_at_once_lose_a_client(legacy):
    legacy.world.set(write_ms=60)
    lost = 0
    with ThreadPoolExecutor(2) as pool:
        for n in range(3):
            pair = [client(f"{name}{n}") for name in ("anna", "boris")]
            answers = list(pool.map(lambda each: legacy.add(1, each), pair))
            assert all(answer["success"] for answer in answers)
            lost += sum(each["email"] not in {row["email"] for row in legacy.stored(1)} for each in pair)
    assert 0 < lost <= legacy.world.set()["overwritten"]


def test_writers_one_after_the_other_lose_nothing(legacy):
    for name in ("anna", "boris"):
        assert legacy.add(1, client(name))["success"]
    assert legacy.world.set()["overwritten"] == 0


def test_a_client_lost_that_way_is_still_let_in_until_the_core_starts_anew(legacy):
    legacy.add(1, client("boris"))
    legacy.add(1, client("anna"))
    legacy.world.lose("anna", keep_key=True, keep_row=True)
    assert legacy.world.users()["anna"]["zombie"]
    assert [row["email"] for row in legacy.obj("GET", "panel/api/inbounds/list")[0]["clientStats"]] == [
        "boris",
        "anna",
    ]
    legacy.obj("POST", "panel/api/server/restartXrayService")
    assert list(legacy.world.users()) == ["boris"]


def test_one_writer_after_another_loses_nobody(legacy):
    legacy.world.set(write_ms=20)
    names = [f"client-{n}" for n in range(12)]
    for name in names:
        legacy.add(1, client(name))
    assert [each["email"] for each in legacy.stored(1)] == names
    assert all(user["can_connect"] for user in legacy.world.users().values())

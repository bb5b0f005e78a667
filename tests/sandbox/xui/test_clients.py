"""The clients dialect: records with one email on many inbounds, changed one at a time or many at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.xui.owner import body_of, client

ADD = "panel/api/clients/add"
DAY_MS = 86_400_000


def test_a_client_is_one_identity_on_many_inbounds(modern):
    assert modern.create(1, 3, 4, 5, email="anna", totalGB=9, comment="order 7") is None
    found = modern.get("anna")
    record = found["client"]
    assert (record["uuid"], record["totalGB"], record["comment"]) == (client("anna")["id"], 9, "order 7")
    assert isinstance(record["id"], int)
    assert (found["inboundIds"], found["usedTraffic"]) == ([1, 3, 4, 5], 0)
    copies = {number: modern.stored(number)[0] for number in (1, 3, 4, 5)}
    assert copies[1]["id"] == copies[5]["id"] == record["uuid"]
    assert copies[3]["password"] == copies[4]["password"] == record["password"]
    assert modern.world.users()["anna"]["let_in_by"] == [1, 3, 4, 5]


def test_a_new_client_is_on_whatever_was_asked(modern):
    modern.create(1, email="anna", enable=False)
    assert modern.get("anna")["client"]["enable"] is True


def test_keys_that_were_not_sent_are_made_up_and_not_returned(modern):
    answer = modern.post("add", client={"email": "anna"}, inboundIds=[1])
    record = modern.get("anna")["client"]
    assert answer is None
    assert record["uuid"] and record["subId"]


def test_an_update_replaces_the_whole_client(modern):
    modern.create(1, email="anna", totalGB=9, comment="order 7", limitIp=3)
    modern.post("update/anna", email="anna")
    record = modern.get("anna")["client"]
    kept = client("anna")
    assert (record["uuid"], record["subId"]) == (kept["id"], kept["subId"])
    assert (record["enable"], record["totalGB"], record["comment"]) == (False, 0, "")
    assert not modern.world.users()["anna"]["can_connect"]


@pytest.mark.parametrize(("version", "keeps"), [("3.2.5", False), ("3.3.0", False), ("3.3.1", True)])
def test_older_versions_make_a_new_uuid_when_none_is_sent(modern, version, keeps):
    modern.create(1, email="anna")
    modern.world.set_version(version)
    modern.post("update/anna", email="anna", enable=True)
    assert (modern.get("anna")["client"]["uuid"] == client("anna")["id"]) is keeps


def test_fields_the_panel_does_not_know_stay_while_they_are_sent(modern):
    modern.create(1, email="anna", somethingNew=5)
    assert modern.get("anna")["client"]["somethingNew"] == 5
    assert modern.stored(1)[0]["somethingNew"] == 5


def test_a_taken_email_is_refused_unless_the_sub_id_is_the_same(modern):
    modern.create(1, email="anna")
    other = modern.error("POST", ADD, json=body_of(1, email="anna", subId="another"))
    assert other == "Something went wrong (email already in use: anna\n)"
    modern.create(1, 2, email="anna")
    assert modern.get("anna")["inboundIds"] == [1, 2]
    assert len(modern.stored(1)) == 1


def test_before_3_5_0_a_repeated_add_stores_the_client_twice(modern):
    modern.world.set_version("3.4.1")
    modern.create(1, email="anna")
    modern.create(1, email="anna")
    assert [each["email"] for each in modern.stored(1)] == ["anna", "anna"]


@pytest.mark.parametrize(("version", "is_refused"), [("3.2.4", False), ("3.2.5", True)])
def test_a_sub_id_belongs_to_one_email_from_3_2_5_on(modern, version, is_refused):
    modern.world.set_version(version)
    modern.create(1, email="anna", subId="shared")
    answer = modern.said("POST", ADD, json=body_of(1, email="boris", subId="shared"))
    assert answer["success"] is not is_refused
    assert not is_refused or answer["msg"] == "Something went wrong (subId already in use: shared\n)"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (body_of(email="anna"), "at least one inbound is required"),
        (body_of(1, email=""), "client email is required"),
        (body_of(1, email="an na"), "contains an invalid character"),
        (body_of(1, email="anna", subId="a/b"), "contains an invalid character"),
        (body_of(99, email="anna"), "record not found"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_refused_in_words(modern, body, error):
    assert error in modern.error("POST", ADD, json=body)


def test_an_inbound_that_is_missing_leaves_those_before_it_done(modern):
    assert "record not found" in modern.error("POST", ADD, json=body_of(1, 99, 2, email="anna"))
    assert modern.get("anna")["inboundIds"] == [1]


def test_missing_clients_are_told_apart_by_route(modern):
    assert modern.error("GET", "panel/api/clients/get/nobody") == "Obtain (record not found)"
    assert "record not found" in modern.error("POST", "panel/api/clients/del/nobody")
    assert modern.obj("GET", "panel/api/clients/traffic/nobody") is None
    modern.world.set_version("3.2.7")
    assert "record not found" in modern.error("GET", "panel/api/clients/traffic/nobody")


def test_attach_and_detach_move_a_client_whose_record_stays(modern):
    modern.create(1, email="anna")
    modern.post("anna/attach", inboundIds=[2])
    modern.post("anna/detach", inboundIds=[1, 2])
    assert modern.get("anna")["inboundIds"] == []
    assert not modern.world.users()["anna"]["can_connect"]


def test_the_last_client_of_an_inbound_may_go(modern):
    modern.create(1, email="anna")
    modern.post("del/anna")
    assert modern.world.users() == {}
    assert modern.stored(1) == []


def test_flow_is_dropped_where_it_cannot_be_carried(modern):
    modern.create(1, 2, email="anna")
    assert [modern.stored(number)[0]["flow"] for number in (1, 2)] == ["xtls-rprx-vision", ""]


def test_links_name_the_keys_of_the_inbound(modern):
    modern.create(1, 2, 3, 4, 5, email="anna")
    links = modern.obj("GET", "panel/api/clients/links/anna")
    assert [link.partition(":")[0] for link in links] == ["vless", "vless", "trojan", "ss", "vmess"]
    assert all(modern.world.connects(link) for link in links)
    assert "pbk=" in links[0] and "security=reality" in links[0] and "flow=xtls-rprx-vision" in links[0]
    assert len(modern.obj("GET", "panel/api/clients/subLinks/sub-anna")) == 5
    modern.post("update/anna", **client("anna", enable=False))
    assert not any(modern.world.connects(link) for link in links)


def test_links_by_subscription_lead_to_the_hosts_and_those_by_name_do_not(modern):
    stream = {"network": "ws", "security": "none", "wsSettings": {"path": "/a", "host": ""}}
    hosts = [{"address": "edge.example.com", "port": 2053, "path": "/b"}, {"port": 9, "isDisabled": True}]
    proxies = [{"dest": "p.example.com", "port": 80, "forceTls": "same"}]
    plain = {"remark": "", "protocol": "vless", "settings": {}, "stream": stream}
    modern.world.set(
        inbounds=[
            plain | {"id": 1, "port": 443, "hosts": hosts},
            plain | {"id": 2, "port": 444, "listen": "@ws", "master": 1},
            plain | {"id": 3, "port": 445, "stream": stream | {"externalProxy": proxies}},
        ]
    )
    modern.create(1, 2, 3, email="anna")
    own = modern.world.set()["public_host"]
    by_name = modern.obj("GET", "panel/api/clients/links/anna")
    by_subscription = modern.obj("GET", f"panel/api/clients/subLinks/{client('anna')['subId']}")
    assert [link.partition("@")[2].partition("?")[0] for link in by_name] == [
        f"{own}:443", f"{own}:443", "p.example.com:80"
    ]  # fmt: skip
    assert by_subscription[0].partition("@")[2].startswith("edge.example.com:2053?host=&path=%2Fb&")
    assert by_subscription[1:] == by_name[1:]
    assert all(modern.world.connects(link) for link in (*by_name, *by_subscription))


def test_pages_hold_at_most_200_and_no_keys(modern):
    modern.world.strangers(205)
    page = modern.obj("GET", "panel/api/clients/list/paged?pageSize=500&page=1")
    assert (len(page["items"]), page["total"], page["pageSize"]) == (200, 205, 200)
    assert not {"uuid", "id", "password"} & set(page["items"][0])
    rest = modern.obj("GET", "panel/api/clients/list/paged?pageSize=200&page=2")["items"]
    assert len({row["email"] for row in page["items"] + rest}) == 205
    found = modern.obj("GET", "panel/api/clients/list/paged?search=stranger-20&inbound=1")
    assert (found["filtered"], found["summary"]["active"]) == (6, 205)
    assert len(modern.obj("GET", "panel/api/clients/list/paged")["items"]) == 25


def test_bulk_calls_tell_of_each_client(modern):
    bodies = [body_of(1, email=name) for name in ("anna", "boris", "anna")]
    created = modern.obj("POST", "panel/api/clients/bulkCreate", json=bodies)
    assert created == {
        "created": 2,
        "skipped": [{"email": "anna", "reason": "email already in use: anna"}],
    }
    emails = ["anna", "boris", "nobody"]
    missing = [{"email": "nobody", "reason": "client not found"}]
    assert modern.post("bulkDisable", emails=emails) == {"changed": 2, "skipped": missing}
    assert not modern.world.users()["anna"]["can_connect"]
    assert modern.post("bulkEnable", emails=["anna"]) == {"changed": 1}
    assert modern.world.users()["anna"]["can_connect"]
    moved = {"skipped": None, "errors": None}
    assert modern.post("bulkAttach", emails=["anna"], inboundIds=[2]) == moved | {"attached": ["anna"]}
    assert modern.post("bulkDetach", emails=["anna"], inboundIds=[1]) == moved | {"detached": ["anna"]}
    errors = ["nobody: record not found"]
    again = modern.post("bulkAttach", emails=["anna", "nobody"], inboundIds=[2])
    assert again == {"attached": None, "skipped": ["anna"], "errors": errors}
    assert modern.get("anna")["inboundIds"] == [2]
    assert modern.post("bulkDel", emails=emails, keepTraffic=False) == {"deleted": 2, "skipped": missing}
    assert modern.world.users() == {}


def test_bulk_adjust_adds_to_what_is_stored_and_skips_what_is_unlimited(modern):
    modern.create(1, email="anna", expiryTime=1_900_000_000_000, totalGB=100)
    modern.create(1, email="boris")
    done = modern.post("bulkAdjust", emails=["anna", "boris"], addDays=30, addBytes=5)
    assert done == {"adjusted": 1, "skipped": [{"email": "boris", "reason": "unlimited expiry"}]}
    record = modern.get("anna")["client"]
    assert (record["expiryTime"], record["totalGB"]) == (1_900_000_000_000 + 30 * DAY_MS, 105)


def test_two_writers_at_once_lose_nobody(modern):
    modern.world.set(write_ms=40)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: modern.create(1, email=name), ["anna", "boris"]))
    assert {each["email"] for each in modern.stored(1)} == {"anna", "boris"}


def test_a_node_that_is_off_line_is_told_later(modern):
    modern.world.set(node_offline=True)
    assert modern.create(1, email="anna") == {"nodePending": True}
    assert not modern.world.users()["anna"]["can_connect"]
    modern.world.set(node_offline=False)
    assert modern.world.users()["anna"]["can_connect"]


def test_inbounds_are_nested_and_listed_in_short(modern):
    modern.create(1, email="anna")
    shown = modern.obj("GET", "panel/api/inbounds/list")[0]
    assert shown["settings"]["clients"][0]["email"] == shown["clientStats"][0]["email"] == "anna"
    assert shown["streamSettings"]["realitySettings"]["settings"]["publicKey"]
    assert "allTime" not in shown
    options = modern.obj("GET", "panel/api/inbounds/options")
    assert [(row["protocol"], row["tlsFlowCapable"]) for row in options[:2]] == [
        ("vless", True),
        ("vless", False),
    ]
    assert "id" not in modern.obj("GET", "panel/api/inbounds/list/slim")[0]["settings"]["clients"][0]

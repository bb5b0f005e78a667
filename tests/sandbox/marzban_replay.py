"""Plays the recorded exchanges of a real Marzban 0.8.4 against the stand-in, in their order.

The recording names every admin's token by one placeholder and leaves out what happened between exchanges
(other users made, time passing, traffic); `STAGE` and `speaker` put that back.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import requests

from tests.sandbox.marzban_shapes import differences

FIXTURE = Path(__file__).parents[1] / "fixtures" / "marzban" / "exchanges.jsonl"
RECORDED = [json.loads(line) for line in FIXTURE.read_text().splitlines()]
API = [exchange for exchange in RECORDED if exchange["kind"] == "api"]

OUT_OF_SCOPE = {
    r"sub\.ua (Clash|clash-verge|ClashMeta|Stash|SFA|HiddifyNext|Shadowsocks)/.+": "not base64",
    r"sub\.client_type (v2ray-json|clash|clash-meta|sing-box|outline)": "not base64",
    r"core\.config|plain\.core_config_403": "the server's own configuration; a shop's admin may not read it",
    r"template\.(?!create_as_plain).*|plain\.templates": "no call makes a user from a template",
    r"template\.create_as_plain": "no call makes a user from a template",
    r"node\.(create|delete)": "nodes are the operator's; the shop only reads them",
    r"user\.active_next_.*": "the contract says: do not use",
}
START = 1_795_352_202
DIRECT = {"http": "", "https": ""}
SUB_USER = "c3ViX3VzZXIsMTc5NTM1MjQ0MQSIGNATURE0"
PASSWORDS = {
    "<SUDO_PASSWORD>": "sudo-password",
    "<SHOP_PASSWORD>": "shop-password",
    "<RESELLER_PASSWORD>": "reseller-password",
    "<RESELLER_NEW_PASSWORD>": "reseller-new-password",
}
INBOUNDS = [
    {
        **{"tag": "VLESS TCP REALITY", "protocol": "vless", "network": "tcp", "tls": "reality", "port": 8443},
        **{"snis": ["www.example.com", "example.com"], "short_ids": ["6ba85179e30d4fc2", "a1b2"]},
        **{"public_key": "REALITY_PUBLIC_KEY"},
    },
    {
        "tag": "VMess Websocket",
        "protocol": "vmess",
        "network": "ws",
        "tls": "none",
        "port": 8080,
        "path": "/vm",
    },
    {
        "tag": "VLESS Websocket",
        "protocol": "vless",
        "network": "ws",
        "tls": "none",
        "port": 8081,
        "path": "/vl",
    },
    {
        "tag": "Trojan Websocket",
        "protocol": "trojan",
        "network": "ws",
        "tls": "none",
        "port": 2083,
        "path": "/tr",
    },
    {"tag": "Shadowsocks TCP", "protocol": "shadowsocks", "network": "tcp", "tls": "none", "port": 1080},
]
HOST = {"remark": "🚀 Marz ({USERNAME}) [{PROTOCOL} - {TRANSPORT}]", "address": "{SERVER_IP}"}
VLESS = {"vless": {"flow": "xtls-rprx-vision"}}
REALITY = {"proxies": VLESS, "inbounds": {"vless": ["VLESS TCP REALITY"]}}


def why_out_of_scope(name: str) -> str | None:
    return next((why for names, why in OUT_OF_SCOPE.items() if re.fullmatch(names, name)), None)


class Replay:
    """One run: `problems` says by number what differed from the recording."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.http = requests.Session()
        self.tokens: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.problems: dict[int, list[str]] = {}

    def emu(self, call: str, /, **order: Any) -> Any:
        response = self.http.post(f"{self.address}/_emu/{call}", json=order, timeout=10)
        assert response.ok, response.text
        return response.json()

    def at(self, moment: float) -> None:
        self.emu("clock", now=moment)

    def call(self, method: str, path: str, admin: str = "shop_sudo", **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[admin]}"}
        response = self.http.request(
            method, self.address + path, json=body or None, headers=headers, timeout=10
        )
        return response.json() if response.ok else None

    def login(self, name: str, password: str) -> None:
        form = {"username": name, "password": password}
        self.tokens[name] = self.http.post(f"{self.address}/api/admin/token", data=form, timeout=10).json()[
            "access_token"
        ]

    def remember_link(self, placeholder: str, username: str) -> None:
        url = self.call("GET", f"/api/user/{username}")["subscription_url"]
        self.links[placeholder] = url.removeprefix("/sub/")

    def run(self) -> dict[int, list[str]]:
        self.emu("reset")
        sudo = {"username": "root_env", "password": PASSWORDS["<SUDO_PASSWORD>"]}
        self.emu("panel", inbounds=INBOUNDS, hosts={each["tag"]: [HOST] for each in INBOUNDS}, sudo=sudo)
        self.at(START)
        self.login(**{"name": sudo["username"], "password": sudo["password"]})
        for exchange in API:
            for step in STAGE.get(exchange["n"], []):
                step(self)
            if why_out_of_scope(exchange["name"]) is None:
                self.problems[exchange["n"]] = self.compare(exchange)
        return self.problems

    def compare(self, exchange: dict[str, Any]) -> list[str]:
        wanted, given = exchange["response"], self.send(exchange)
        if given.status_code != wanted["status"]:
            return [f"status {given.status_code}, recorded {wanted['status']}: {given.text[:200]}"]
        return differences(exchange, given)

    def send(self, exchange: dict[str, Any]) -> requests.Response:
        wish = exchange["request"]
        path = wish["path"]
        for placeholder, token in self.links.items():
            path = path.replace(placeholder, token)
        if exchange["name"] == "sub.tampered_token":
            link = self.links[SUB_USER]
            path = path.replace(SUB_USER[:-1], link[:-1])
            if path.endswith(link):  # one of 64 links ends like the recorded one that was tampered with
                path = path[:-1] + ("A" if link[-1] != "A" else "B")
        body = wish["body"]
        text = body if isinstance(body, str) else json.dumps(body)
        for placeholder, password in PASSWORDS.items():
            text = text.replace(placeholder, password)
        headers = {"User-Agent": "", **wish["headers"]}
        if "Authorization" in headers:
            headers["Authorization"] = self.authorization(exchange)
        is_form = headers.get("Content-Type") == "application/x-www-form-urlencoded"
        data = None if body is None else json.loads(text) if is_form else text
        return self.http.request(
            wish["method"], self.address + path, data=data, headers=headers, timeout=10, allow_redirects=False
        )

    def authorization(self, exchange: dict[str, Any]) -> str:
        recorded: str = exchange["request"]["headers"]["Authorization"]
        if recorded == "Bearer <EXPIRED_ADMIN_JWT>":
            return f"Bearer {self.expired_token()}"
        return recorded.replace("<ADMIN_JWT>", self.tokens.get(speaker(exchange["n"]), "none"))

    def expired_token(self) -> str:
        """Have the panel sign a token a day ago, so that only its end is wrong."""
        self.at(START - 2 * 86_400)
        self.login("root_env", PASSWORDS["<SUDO_PASSWORD>"])
        expired = self.tokens["root_env"]
        self.at(START)
        self.login("root_env", PASSWORDS["<SUDO_PASSWORD>"])
        claims = jwt.decode(expired, options={"verify_signature": False})
        assert claims["exp"] < START
        return expired


SPEAKERS = {
    "root_env": {*range(13, 28), 30, 34, 65, 233},
    "reseller": {31, 32, 33, 66, 104, 122, 205, 217, 232},
    "shop_plain": set(range(245, 259)),
}


def speaker(number: int) -> str:
    """Say who made the recorded call: the names and answers of the recording tell."""
    return next((name for name, numbers in SPEAKERS.items() if number in numbers), "shop_sudo")


Step = Callable[[Replay], Any]


def at(moment: float) -> Step:
    return lambda replay: replay.at(moment)


def login(name: str, password: str) -> Step:
    return lambda replay: replay.login(name, PASSWORDS[password])


def put(username: str, **fields: Any) -> Step:
    return lambda replay: replay.call("PUT", f"/api/user/{username}", **fields)


def make(username: str, admin: str = "shop_sudo", **fields: Any) -> Step:
    return lambda replay: replay.call("POST", "/api/user", admin, username=username, **fields)


def delete(*usernames: str) -> Step:
    return lambda replay: [replay.call("DELETE", f"/api/user/{name}") for name in usernames]


def traffic(username: str, size: int) -> Step:
    return lambda replay: replay.emu("traffic", username=username, bytes=size)


def link_of(placeholder: str, username: str) -> Step:
    return lambda replay: replay.remember_link(placeholder, username)


def locked_database(call: str) -> Step:
    return lambda replay: replay.emu("fail", call=call, kind="error", times=1)


def settings(**order: Any) -> Step:
    return lambda replay: replay.emu("panel", **order)


def forget_accepted_names(replay: Replay) -> None:
    """The recording deleted the users its name table had made."""
    for exchange in API:
        if exchange["name"] == "username_rule" and exchange["response"]["status"] == 200:
            replay.emu("lose", username=exchange["request"]["body"]["username"])


NODE = next(exchange for exchange in API if exchange["name"] == "nodes")["response"]["body"]
ALL_PROTOCOLS = {"proxies": {**VLESS, "vmess": {}, "trojan": {}, "shadowsocks": {}}, "inbounds": {}}

STAGE: dict[int, list[Step]] = {
    24: [lambda replay: replay.call("DELETE", "/api/admin/shop", "root_env")],
    30: [login("shop_sudo", "<SHOP_PASSWORD>"), login("reseller", "<RESELLER_PASSWORD>")],
    98: [forget_accepted_names, at(START + 108)],
    149: [at(START + 130)],
    151: [make("lim1", **REALITY, data_limit=1000), traffic("lim1", 1500), at(START + 150)],
    156: [put("lim1", status="disabled")],
    160: [
        at(START + 238.2),
        make("sub_user", **ALL_PROTOCOLS, expire=1797944440, data_limit=107374182400, note="secret note"),
        link_of(SUB_USER, "sub_user"),
    ],
    188: [put("sub_user", status="disabled")],
    189: [put("sub_user", status="active", expire=1795352435)],
    190: [link_of("aG9sZF91c2VyLDE3OTUzNTI0NDMSIGNATURE0", "hold_user")],
    191: [put("sub_user", expire=1795438840), at(START + 240.5)],
    193: [link_of("c3ViX3VzZXIsMTc5NTM1MjQ0MwSIGNATURE0", "sub_user")],
    200: [traffic("multi_user", 10)],
    214: [make("del_ok", **REALITY)],
    216: [make("del_env", "root_env", **REALITY)],
    218: [
        make("exp_a", **REALITY, expire=START - 5 * 86_400),
        make("exp_b", **REALITY, expire=START - 40 * 86_400),
        at(START + 260),
    ],
    229: [delete("ms_user")],
    232: [at(START + 300)],
    240: [settings(nodes=NODE)],
    242: [settings(nodes=[]), at(START + 900), locked_database("PUT *")],
    243: [
        link_of("dGdfMTAwMjAwMzAwXzEsMTc5NTM1MzEwMASIGNATURE0", "tg_100200300_1"),
        locked_database("GET /sub/*"),
    ],
    244: [settings(token_minutes=0)],
    245: [
        at(START + 1475),
        lambda replay: replay.call(
            "POST", "/api/admin", username="shop_plain", password="plain-password", is_sudo=False
        ),
        lambda replay: replay.login("shop_plain", "plain-password"),
    ],
}

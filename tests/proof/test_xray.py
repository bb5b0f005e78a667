"""Bytes through a real Xray: clients as the 3x-ui driver makes them, and what apps fetch under a link.

Runs where XRAY_BINARY names the core, 26 or later: one process of it is the server, and one a customer's app.
"""

import hashlib
import json
import os
import socket
import subprocess
import threading
import time
from base64 import b64encode
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from subscriptions.feeds.bodies import body
from subscriptions.feeds.formats import Format, Wanted
from subscriptions.status import Reading, Source, State
from vpnpanel.drivers.base import Credentials, Desired
from vpnpanel.drivers.xui.families import Family, wanted_clients
from vpnpanel.drivers.xui.inbounds import read_inbound
from vpnpanel.drivers.xui.links import LinkWriter

XRAY = os.environ.get("XRAY_BINARY", "")
pytestmark = pytest.mark.skipif(not XRAY, reason="XRAY_BINARY names no core")

HERE, NAME, GREETING = "127.0.0.1", "s.example", b"hello from behind"
DESIRED = Desired(
    is_enabled=True,
    until=datetime(2031, 5, 6, tzinfo=UTC),
    traffic_limit=0,
    note="note",
    credentials=Credentials.fresh(),
)
KEY_16, KEY_32 = (b64encode(bytes(range(size))).decode() for size in (16, 32))
XHTTP = {"network": "xhttp", "xhttpSettings": {"path": "/x", "mode": "auto", "xPaddingBytes": "300-400"}}
GRPC = {"network": "grpc", "grpcSettings": {"serviceName": "svc", "multiMode": True}}
WS = {"network": "ws", "wsSettings": {"path": "/ws?ed=2048", "host": NAME}}
UPGRADE = {"network": "httpupgrade", "httpupgradeSettings": {"path": "/up", "host": NAME}}
REQUEST = {"path": ["/p"], "headers": {"Host": [NAME]}}
HEADER = {"network": "tcp", "tcpSettings": {"header": {"type": "http", "request": REQUEST}}}
TCP, KCP = {"network": "tcp"}, {"network": "kcp", "kcpSettings": {}}
OPEN = {"decryption": "none"}
# Protocol, its settings, transport, security.
ENTRANCES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("vless", OPEN, TCP, "reality"),
    ("vless", OPEN, XHTTP, "reality"),
    ("vless", OPEN, GRPC, "reality"),
    ("vless", OPEN, WS, "none"),
    ("vless", OPEN, WS, "tls"),
    ("vless", OPEN, UPGRADE, "none"),
    ("vless", OPEN, XHTTP, "none"),
    ("vless", OPEN, KCP, "none"),
    ("vless", OPEN, HEADER, "none"),
    ("vmess", {}, WS, "none"),
    ("vmess", {}, GRPC, "tls"),
    ("trojan", {}, TCP, "tls"),
    ("shadowsocks", {"method": "chacha20-ietf-poly1305"}, TCP, "none"),
    ("shadowsocks", {"method": "2022-blake3-aes-128-gcm", "password": KEY_16}, TCP, "none"),
    ("shadowsocks", {"method": "2022-blake3-aes-256-gcm", "password": KEY_32}, TCP, "none"),
]
NAMES = [
    f"{protocol}-{stream['network']}-{kind}-{n}" for n, (protocol, _, stream, kind) in enumerate(ENTRANCES)
]


class Greeter(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(GREETING)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], log: Any):
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(10)


def run_xray(folder: Any, name: str, configuration: dict[str, Any]):
    path = folder / f"{name}.json"
    path.write_text(json.dumps(configuration))
    return running([XRAY, "run", "-c", str(path)], folder / f"{name}.log")


def security_of(kind: str, folder: Any, target: int) -> dict[str, Any]:
    """Return the stream settings of a panel's inbound; the certificate is our own, known by its hash."""
    if kind == "reality":
        said = subprocess.run([XRAY, "x25519"], capture_output=True, text=True, check=True).stdout
        private, public = (line.partition(":")[2].strip() for line in said.splitlines()[:2])
        settings = {"publicKey": public, "fingerprint": "", "spiderX": "/"}
        own = {"dest": f"{HERE}:{target}", "serverNames": [NAME], "privateKey": private, "shortIds": ["6ba8"]}
        return {"security": "reality", "realitySettings": own | {"settings": settings}}
    if kind == "tls":
        certificate = {"certificateFile": str(folder / "c.pem"), "keyFile": str(folder / "k.pem")}
        settings = {"fingerprint": "chrome", "pinnedPeerCertSha256": [(folder / "hash").read_text()]}
        own = {"serverName": NAME, "certificates": [certificate], "settings": settings}
        return {"security": "tls", "tlsSettings": own}
    return {"security": "none"}


def for_the_core(row: dict[str, Any], client: dict[str, Any]) -> dict[str, Any]:
    """Return an inbound as the panel writes it into its core's configuration."""
    kept = {name: client[name] for name in ("email", "id", "password", "flow", "method") if client.get(name)}
    stream = {
        name: {key: each for key, each in value.items() if key != "settings"}
        if name in ("tlsSettings", "realitySettings")
        else value
        for name, value in row["streamSettings"].items()
    }
    fields = {name: row[name] for name in ("port", "protocol", "tag")}
    return fields | {
        "listen": HERE,
        "settings": row["settings"] | {"clients": [kept]},
        "streamSettings": stream,
    }


def make_certificate(folder: Any) -> None:
    name = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    files = ["-keyout", str(folder / "k.pem"), "-out", str(folder / "c.pem")]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    subprocess.run(["openssl", "req", "-x509", *kind, *files, *name], check=True, capture_output=True)
    convert = ["openssl", "x509", "-in", str(folder / "c.pem"), "-outform", "der"]
    der = subprocess.run(convert, check=True, capture_output=True).stdout
    (folder / "hash").write_text(hashlib.sha256(der).hexdigest())


@pytest.fixture(scope="module")
def apps(tmp_path_factory):
    """Serve every entrance; yield the folder and, by entrance, the configuration an app fetches for it."""
    folder = tmp_path_factory.mktemp("xray")
    make_certificate(folder)
    target = free_port()
    tls_server = ["openssl", "s_server", "-accept", f"{HERE}:{target}", "-key", str(folder / "k.pem")]
    web = ThreadingHTTPServer((HERE, 0), Greeter)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    rows = [
        {
            "id": number, "tag": name, "remark": name, "port": free_port(), "protocol": protocol,
            "settings": settings, "streamSettings": stream | security_of(kind, folder, target),
        }
        for number, (protocol, settings, stream, kind) in enumerate(ENTRANCES)
        for name in [NAMES[number]]
    ]  # fmt: skip
    sold = [read_inbound(row) for row in rows]
    made = [(inbound, client) for inbound, _, client in wanted_clients(Family("somebody"), DESIRED, sold)]
    writer = LinkWriter(f"http://{HERE}:2053", HERE)
    links = [link for inbound, client in made for link in writer.links(inbound, client)]
    reading = Reading(State.ACTIVE, (Source("", tuple(links)),), 0, 0, 0)
    fetched = json.loads(body(Wanted(Format.XRAY), reading, "en").text)
    freedom = {"protocol": "freedom", "settings": {"redirect": f"{HERE}:{web.server_port}"}}
    inbounds = [for_the_core(row, client) for row, (_, client) in zip(rows, made, strict=True)]
    server = run_xray(folder, "server", {"inbounds": inbounds, "outbounds": [freedom]})
    with running([*tls_server, "-cert", str(folder / "c.pem"), "-www"], folder / "target.log"), server:
        yield folder, dict(zip(NAMES, fetched, strict=True))
    web.shutdown()
    web.server_close()


@pytest.mark.parametrize("name", NAMES)
def test_bytes_pass_through_what_an_app_fetches(apps, name):
    folder, fetched = apps
    configuration = fetched[name]
    port, _ = (inbound.update(port=free_port()) or inbound["port"] for inbound in configuration["inbounds"])
    ask = ["curl", "-s", "-m", "10", "-x", f"socks5h://{HERE}:{port}", "http://somewhere.example/"]
    answer, give_up_at = b"", time.monotonic() + 30
    with run_xray(folder, name, configuration):
        while not answer and time.monotonic() < give_up_at:
            time.sleep(0.2)
            answer = subprocess.run(ask, capture_output=True).stdout
    assert answer == GREETING, (folder / f"{name}.log").read_text()[-600:]

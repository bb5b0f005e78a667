"""A caller of a 3x-ui panel as bare as possible: what it sends is what the test says."""

import json
import uuid
from typing import Any

import requests

from tests.world import XuiWorld

AJAX = {"X-Requested-With": "XMLHttpRequest"}
Client = dict[str, Any]


def client(email: str, **fields: Any) -> Client:
    """A whole client, as the panel's page would send it."""
    plain = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, email)),
        "password": f"password-of-{email}",
        "flow": "xtls-rprx-vision",
        "email": email,
        "limitIp": 0,
        "totalGB": 0,
        "expiryTime": 0,
        "enable": True,
        "tgId": 0,
        "subId": f"sub-{email}",
        "comment": "",
        "reset": 0,
    }
    return plain | fields


class Owner:
    """One caller with a cookie jar. Never follows redirects."""

    def __init__(self, world: XuiWorld) -> None:
        self.world = world
        self.http = requests.Session()
        self.http.headers.update(AJAX)

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        url = f"{self.world.address}/{path}"
        return self.http.request(method, url, timeout=10, allow_redirects=False, **more)

    def said(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Give the envelope of an answer of 200."""
        response = self.call(method, path, **more)
        assert response.status_code == 200, f"{response.status_code} {response.text}"
        envelope: dict[str, Any] = response.json()
        return envelope

    def obj(self, method: str, path: str, **more: Any) -> Any:
        envelope = self.said(method, path, **more)
        assert envelope["success"] is True, envelope
        return envelope["obj"]

    def error(self, method: str, path: str, **more: Any) -> str:
        envelope = self.said(method, path, **more)
        assert (envelope["success"], envelope["obj"]) == (False, None), envelope
        message: str = envelope["msg"]
        return message

    def log_in(self, **fields: str) -> dict[str, Any]:
        form = {"username": self.world.username, "password": self.world.password} | fields
        return self.said("POST", "login", data=form)

    def log_in_with_csrf(self, **fields: str) -> dict[str, Any]:
        self.http.headers["X-CSRF-Token"] = self.call("GET", "csrf-token").json()["obj"]
        return self.log_in(**fields)

    def bear(self, token: str | None = None) -> "Owner":
        self.http.headers["Authorization"] = f"Bearer {token or self.world.token}"
        return self

    # The legacy dialect.

    def write(self, path: str, inbound: int, *clients: Client) -> dict[str, Any]:
        body = {"id": inbound, "settings": json.dumps({"clients": clients})}
        return self.said("POST", f"panel/api/inbounds/{path}", json=body)

    def add(self, inbound: int, *clients: Client) -> dict[str, Any]:
        return self.write("addClient", inbound, *clients)

    def stored(self, inbound: int) -> list[Client]:
        """The clients in the inbound's settings, in either dialect."""
        rows = self.obj("GET", "panel/api/inbounds/list")
        settings = next(row["settings"] for row in rows if row["id"] == inbound)
        clients: list[Client] = (json.loads(settings) if isinstance(settings, str) else settings)["clients"]
        return clients

    def row(self, email: str) -> dict[str, Any] | None:
        row: dict[str, Any] | None = self.obj("GET", f"panel/api/inbounds/getClientTraffics/{email}")
        return row

    # The clients dialect.

    def create(self, *inbounds: int, **fields: Any) -> Any:
        return self.obj("POST", "panel/api/clients/add", json=body_of(*inbounds, **fields))

    def get(self, email: str) -> dict[str, Any]:
        found: dict[str, Any] = self.obj("GET", f"panel/api/clients/get/{email}")
        return found

    def post(self, path: str, **body: Any) -> Any:
        return self.obj("POST", f"panel/api/clients/{path}", json=body)


def body_of(*inbounds: int, **fields: Any) -> dict[str, Any]:
    return {"client": client(**fields), "inboundIds": list(inbounds)}

"""A panel admin over HTTP, as bare as possible: what it sends is what the test says."""

from typing import Any

import requests

from tests.world import PanelWorld

REALITY = {
    "proxies": {"vless": {"flow": "xtls-rprx-vision"}},
    "inbounds": {"vless": ["VLESS TCP REALITY"]},
}


class PanelClient:
    """One signed-in admin. `now` is the panel's clock, which runs."""

    def __init__(self, world: PanelWorld, name: str, password: str) -> None:
        self.world = world
        self.http = requests.Session()
        self.form = {"username": name, "password": password}
        self.sign_in()

    def sign_in(self) -> None:
        answer = self.http.post(f"{self.world.address}/api/admin/token", data=self.form, timeout=10)
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, **body: Any) -> requests.Response:
        return self.http.request(method, self.world.address + path, json=body or None, timeout=10)

    def make(self, username: str, **fields: Any) -> dict[str, Any]:
        """Create a user the safe way, with the REALITY inbound."""
        return self.shown(self.call("POST", "/api/user", username=username, **REALITY | fields))

    def put(self, username: str, **fields: Any) -> dict[str, Any]:
        return self.shown(self.call("PUT", f"/api/user/{username}", **fields))

    def post(self, username: str, verb: str) -> dict[str, Any]:
        return self.shown(self.call("POST", f"/api/user/{username}/{verb}"))

    def get(self, username: str) -> dict[str, Any]:
        return self.shown(self.call("GET", f"/api/user/{username}"))

    @staticmethod
    def shown(response: requests.Response) -> dict[str, Any]:
        assert response.status_code == 200, f"{response.status_code} {response.text}"
        user: dict[str, Any] = response.json()
        return user

    @property
    def now(self) -> int:
        return int(self.world.emu("GET", "clock")["now"])

    def wait(self, seconds: float = 10) -> None:
        """Move the panel's clock, and sign in again: tokens last a day."""
        self.world.emu("POST", "clock", advance=seconds)
        self.sign_in()

    def account(self, username: str) -> dict[str, Any]:
        """What the panel's core makes of the user."""
        return self.world.users()[username]

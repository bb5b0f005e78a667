"""Our client on a 3x-ui panel: as its core knows it, and changed behind our back."""

import json
from typing import Any

from tests.vpnpanel.drivers.conftest import NAME, Case

GB = 2**30
EVERY = {"inbounds": {}}


def ours(case: Case) -> list[dict[str, Any]]:
    """Return the panel's clients of our account as its core knows them."""
    return [user for shown, user in case.world.users().items() if shown.startswith(NAME)]


def change_by_hand(case: Case, *, key: str = "", **changes: Any) -> None:
    """Change our client as its panel's owner would, on the panel's own page."""
    http, root = case.world.http, f"{case.world.address}/panel/api"
    (user,) = ours(case)
    client = user["client"] | changes
    if case.address.get("token"):
        headers = {"Authorization": f"Bearer {case.world.token}"}
        answer = http.post(f"{root}/clients/update/{user['username']}", json=client, headers=headers)
    else:
        form = {"username": case.world.username, "password": case.world.password}
        http.post(f"{case.world.address}/login", data=form)
        body = {"id": 1, "settings": json.dumps({"clients": [client]})}
        answer = http.post(f"{root}/inbounds/updateClient/{key or user['uuid']}", json=body)
    assert answer.json()["success"], answer.text

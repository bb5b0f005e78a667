"""Whatever a caller sends, the panel stand-in answers as a panel and never by an accident of its own."""

import logging

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.marzban_client import PanelClient
from tests.world import PanelWorld

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=4,
)
PROTOCOLS = st.sampled_from(["vless", "vmess", "nope"])
TAGS = st.lists(st.sampled_from(["VLESS TCP REALITY", "NOPE"]) | VALUES, max_size=2)
FIELDS = {
    "username": st.sampled_from(["anna", "a-b", ""]) | VALUES,
    "proxies": st.dictionaries(PROTOCOLS, st.just({}) | st.fixed_dictionaries({"flow": VALUES}) | VALUES)
    | VALUES,
    "inbounds": st.dictionaries(PROTOCOLS, TAGS | VALUES) | VALUES,
    "status": st.sampled_from(["active", "on_hold", "disabled"]) | VALUES,
    "next_plan": st.fixed_dictionaries({"data_limit": VALUES}) | VALUES,
    **dict.fromkeys(("expire", "data_limit", "note", "on_hold_timeout", "on_hold_expire_duration"), VALUES),
}
BODIES = st.fixed_dictionaries({}, optional=FIELDS)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES | VALUES)
def test_any_body_gets_a_panels_answer(box, caplog, body):
    world = PanelWorld(box.addresses["marzban"])
    world.reset()
    shop = PanelClient(world, world.username, world.password)
    shop.make("anna_1")
    caplog.set_level(logging.ERROR)
    for method, path in (("POST", "/api/user"), ("PUT", "/api/user/anna_1")):
        answer = shop.http.request(method, world.address + path, json=body, timeout=10)
        assert answer.status_code in (200, 400, 409, 422, 500)
        assert (
            answer.text == "Internal Server Error" or "detail" in answer.json() or "username" in answer.json()
        )
    assert caplog.records == []

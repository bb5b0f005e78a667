"""What the panel tells other programs, against the events a real one sent."""

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.sandbox.marzban_replay import RECORDED

SECRET = "told-once"
# From the recording: the fields of each kind of event. data_reset_by_next belongs to plans the shop avoids.
FIELDS = {
    event["action"]: set(event)
    for exchange in RECORDED
    if exchange["kind"] == "webhook"
    for event in exchange["request"]["body"]
    if event["action"] != "data_reset_by_next"
}


class Receiver:
    """A webhook's other end; `status` is what it answers."""

    def __init__(self):
        self.received = queue.Queue()
        self.status = 200
        owner = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.received.put((dict(self.headers), json.loads(body)))
                self.send_response(owner.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                """Keep the test's output quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.address = f"http://127.0.0.1:{self.server.server_port}/hook"

    def batch(self):
        return self.received.get(timeout=10)


@pytest.fixture
def receiver(shop):
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    order = {"addresses": [receiver.address], "secret": SECRET, "interval": 0, "retry": 0}
    shop.world.emu("POST", "panel", webhook=order)
    yield receiver
    shop.world.reset()
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join()


def test_every_kind_of_event_has_the_recorded_fields(shop, receiver):
    shop.make("anna", data_limit=1000, expire=shop.now + 86_400)
    shop.world.traffic("anna", 900)
    shop.wait()
    shop.put("anna", status="disabled")
    shop.put("anna", status="active", expire=shop.now - 5)
    shop.put("anna", expire=shop.now + 86_400)
    shop.world.traffic("anna", 200)
    shop.wait()
    shop.post("anna", "reset")
    shop.post("anna", "revoke_sub")
    shop.call("DELETE", "/api/user/anna")
    seen = {}
    while "user_deleted" not in seen:
        seen |= {event["action"]: set(event) for event in receiver.batch()[1]}
    assert seen == FIELDS


def test_a_batch_is_an_array_with_the_secret_and_the_panels_start_as_its_time(shop, receiver):
    shop.make("anna")
    headers, events = receiver.batch()
    assert headers["x-webhook-secret"] == SECRET
    assert (events[0]["username"], events[0]["tries"]) == ("anna", 0)
    shop.wait(60)
    shop.put("anna", note="x")
    assert receiver.batch()[1][0]["enqueued_at"] == events[0]["enqueued_at"]


def test_what_nobody_takes_is_sent_four_times_and_dropped(shop, receiver):
    receiver.status = 500
    shop.make("anna")
    tries = [event["tries"] for _ in range(4) for event in receiver.batch()[1]]
    assert tries == [0, 1, 2, 3]
    receiver.status = 200
    shop.make("boris")
    assert [event["username"] for event in receiver.batch()[1]] == ["boris"]

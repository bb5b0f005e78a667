"""The way out: what is certain not to have happened, what may have, and no call without an end."""

import gzip
import json
import socket
import threading
import time
from contextlib import suppress

import pytest
from django.utils import translation

from core.errors import OutcomeUnknown, OutsideError, ServiceUnreachable
from core.http import OutsideSession


@pytest.fixture
def session() -> OutsideSession:
    translation.deactivate()  # errors are said in the language of the thread
    return OutsideSession(read_seconds=1, connect_seconds=1)


def serve(answer: bytes, *, wait: float = 0) -> str:
    """Serve one connection with raw bytes and return the address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def once() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        time.sleep(wait)
        connection.sendall(answer)
        connection.close()
        listener.close()

    threading.Thread(target=once, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def answer(body: bytes, status: str = "200 OK", *headers: bytes) -> bytes:
    lines = [
        b"HTTP/1.1 " + status.encode(),
        b"Content-Length: %d" % len(body),
        b"Connection: close",
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def test_json_is_read(session):
    found = session.call("GET", serve(answer(b'{"a": 1}')))
    assert (found.status, found.body) == (200, {"a": 1})


def test_html_is_no_json_and_no_error(session):
    found = session.call("GET", serve(answer(b"<html>", "502 Bad Gateway")))
    assert (found.status, found.body, found.text) == (502, None, "<html>")


def test_a_closed_port_did_nothing(session):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(ServiceUnreachable):
        session.call("POST", address)


def test_a_dropped_connection_may_have_done_it(session):
    with pytest.raises(OutcomeUnknown):
        session.call("POST", serve(b""))


def test_an_answer_cut_short_may_have_done_it(session):
    with pytest.raises(OutcomeUnknown):
        session.call("POST", serve(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"))


def test_silence_ends_after_the_time_out(session):
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        session.call("GET", serve(b"", wait=5))
    assert time.monotonic() - began < 4


def test_an_answer_that_trickles_in_ends_too(session):
    listener = socket.create_server(("127.0.0.1", 0))

    def trickle() -> None:
        connection, _ = listener.accept()
        with connection, listener, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            for _ in range(40):
                connection.sendall(b"x")
                time.sleep(0.2)

    threading.Thread(target=trickle, daemon=True).start()
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown, match="does not end"):
        session.call("GET", f"http://127.0.0.1:{listener.getsockname()[1]}")
    assert time.monotonic() - began < 4


def test_packed_and_chunked_answers_are_read_whole(session):
    text = json.dumps({"a": "x" * 300_000}).encode()
    packed = gzip.compress(text)
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part)
        for part in (packed[at : at + 7] for at in range(0, len(packed), 7))
    )
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert session.call("GET", serve(head + chunks + b"0\r\n\r\n")).text == text.decode()


def test_a_redirect_is_an_answer_not_a_way(session):
    found = session.call(
        "GET", serve(answer(b"", "307 Temporary Redirect", b"Location: http://127.0.0.1:1/x"))
    )
    assert found.status == 307


def test_an_endless_answer_is_cut_off(session):
    with pytest.raises(OutsideError, match="larger"):
        session.call("GET", serve(answer(b"x" * (33 * 2**20))))


def test_errors_show_of_an_address_the_host_and_what_the_caller_says(session):
    address = serve(b"")
    with pytest.raises(OutcomeUnknown) as caught:
        session.call("GET", f"{address}/secret/path?token=secret", route="/path")
    assert str(caught.value) == f"GET {address}/path: the connection broke"

"""Servers that misbehave below HTTP, where no stand-in of ours can."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def trickling_server(pause: float = 0.05) -> Iterator[str]:
    """Serve an answer that never ends: a byte now and then keeps every single read within its time-out."""
    stopping = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_trickle, args=(listener, stopping, pause), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v3"
    finally:
        stopping.set()
        thread.join(5)
        listener.close()


def _trickle(listener: socket.socket, stopping: threading.Event, pause: float) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
        )
        while not stopping.wait(pause):
            try:
                connection.sendall(b" ")
            except OSError:
                return


@contextmanager
def answering_server(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Answer every request on a connection of its own with these bytes; give the address and what came in."""
    received: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_answer, args=(listener, answer, received), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v3", received
    finally:
        with socket.create_connection(listener.getsockname()[:2]) as last:
            last.sendall(b"QUIT")
        thread.join(5)
        listener.close()


def _answer(listener: socket.socket, answer: bytes, received: list[bytes]) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            request = _request(connection)
            if request == b"QUIT":
                return
            received.append(request)
            connection.sendall(answer)


def _request(connection: socket.socket) -> bytes:
    """Read one request whole, so that closing the connection does not cut the answer off."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (part := connection.recv(65536)):
            return data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head.lower())
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body

"""A shop's address for notifications, in a thread of its own."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server(ThreadingHTTPServer):
    # The usual five make the sixth caller at once wait a second.
    request_queue_size = 128


class Receiver:
    """Notes what comes. `statuses` are answered in turn, then 200, each after a `pause`."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.statuses: list[int] = []
        self.pause = 0.0
        self._news = threading.Condition()
        self._server = Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = receiver.note(body, dict(self.headers))
                time.sleep(receiver.pause)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                return

        return Handler

    def note(self, body: dict[str, Any], headers: dict[str, str]) -> int:
        with self._news:
            self.bodies.append(body)
            self.headers.append(headers)
            self._news.notify_all()
            return self.statuses.pop(0) if self.statuses else 200

    def wait(self, count: int, seconds: float = 5) -> list[dict[str, Any]]:
        """Return what came, once there is that much of it."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.bodies) >= count, seconds), f"{len(self.bodies)} came"
            return list(self.bodies)

    def events(self) -> list[str]:
        return [body["event"] for body in self.bodies]

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *args: Any) -> None:
        self._server.shutdown()
        self._server.server_close()

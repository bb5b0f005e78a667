"""Which ports the demo's servers listen on: the usual ones, or the next that are free."""

import socket
from collections.abc import Callable

FIRST_PORT = 8000
# From the first port; the numbers end in what most people expect of each (8000, 8081 to 8086).
OFFSETS = {"web": 0, "sandbox": 81, "telegram_api": 82, "marzban": 83, "yookassa": 85, "xui": 86}
TRIES = 200


def is_free(port: int) -> bool:
    """Tell whether a server could listen on 127.0.0.1 now, the way asyncio and granian ask for it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
        return True


def choose_ports(first: int, say: Callable[[str], None]) -> dict[str, int]:
    """Return a free port for each server, and say where it is not the usual one.

    Raises OSError if 200 ports in a row are taken.
    """
    chosen: dict[str, int] = {}
    for name, offset in OFFSETS.items():
        usual = first + offset
        candidates = (
            port for port in range(usual, usual + TRIES) if port not in chosen.values() and is_free(port)
        )
        port = next(candidates, None)
        if port is None:
            raise OSError(f"no free port for {name} from {usual} on")
        if port != usual:
            say(f"Port {usual} ({name}) is taken: using {port}.")
        chosen[name] = port
    return chosen

"""`manage.py demo`: open the whole shop on this computer until Ctrl-C."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from vpnservice.demo.environment import adopt, first_port
from vpnservice.demo.ports import OFFSETS, choose_ports
from vpnservice.demo.run import Demo
from vpnservice.demo.state import DemoError, DemoState

ROOT = Path(__file__).resolve().parent.parent.parent


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def reset(state: DemoState) -> None:
    state.wipe()
    say("The demo's data are gone. `make demo` starts over.")


def change_password(state: DemoState) -> None:
    """Works beside a running demo: both write the same database."""
    if not state.environment.exists():
        raise DemoError("There is no demo yet: run `make demo` first.")
    adopt(state, {name: first_port() + offset for name, offset in OFFSETS.items()})
    import django

    django.setup()
    from vpnservice.demo.database import STAFF_NAME, new_password

    say(f"Admin: user {STAFF_NAME}, password {new_password()}")


def open_shop(state: DemoState) -> int:
    """Run until told to stop; return the exit code."""
    told_to_stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told_to_stop.set())
    state.lock()
    state.withdraw()
    state.prepare()
    ports = choose_ports(first_port(), say)
    adopt(state, ports)
    os.chdir(ROOT)
    return Demo(ROOT, state, ports, told_to_stop, say).run()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="manage.py demo", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--reset", action="store_true", help="throw away everything the demo has stored")
    parser.add_argument(
        "--new-password", action="store_true", help="give the staff user a new password, show it"
    )
    options = parser.parse_args(arguments)
    state = DemoState(Path(os.environ.get("DEMO_FOLDER") or ROOT / ".demo").resolve())
    try:
        if options.reset:
            reset(state)
        elif options.new_password:
            change_password(state)
        else:
            return open_shop(state)
    except DemoError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

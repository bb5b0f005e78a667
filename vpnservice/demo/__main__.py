"""`manage.py demo`: open the whole shop on this computer until Ctrl-C."""

import argparse
import json
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


def join(state: DemoState) -> None:
    """Take the demo's settings, to work beside it on the same database. Raises DemoError if there is none."""
    if not state.environment.exists():
        raise DemoError("There is no demo yet: run `make demo` first.")
    ports = {name: first_port() + offset for name, offset in OFFSETS.items()}
    if state.addresses.exists():  # it runs, perhaps not on the usual ones
        addresses = json.loads(state.addresses.read_text())
        ports |= {name: int(addresses[name].rpartition(":")[2]) for name in OFFSETS}
    adopt(state, ports)


def manage(state: DemoState, command: Sequence[str]) -> None:
    """Run a command of `manage.py` on the demo's shop; it ends the process with its own exit code."""
    join(state)
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", *command])


def change_password(state: DemoState) -> None:
    join(state)
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
    parser.add_argument(
        "--manage",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="run a command on the demo's shop, such as: --manage panels check",
    )
    options = parser.parse_args(arguments)
    state = DemoState(Path(os.environ.get("DEMO_FOLDER") or ROOT / ".demo").resolve())
    try:
        if options.reset:
            reset(state)
        elif options.new_password:
            change_password(state)
        elif options.manage:
            manage(state, options.manage)
        else:
            return open_shop(state)
    except DemoError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

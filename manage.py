#!/usr/bin/env python
"""Command line of the shop: `manage.py help` lists what it can do."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vpnservice.settings")
    if sys.argv[1:2] == ["demo"]:
        # It makes up its settings before anything may read them, so it can't be an ordinary command.
        from vpnservice.demo.__main__ import main as demo

        sys.exit(demo(sys.argv[2:]))
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as wrong:
        sys.exit(f"Settings: {wrong}")


if __name__ == "__main__":
    main()

"""Makes a migrated database the one of this installation."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import InstallationMismatch
from core.services import claim_installation, take_over_installation


class Command(BaseCommand):
    help = "Make this database the one of INSTALLATION_ID. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--take-over",
            action="store_true",
            help="the database came from another installation and is the shop now",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            installation = take_over_installation() if options["take_over"] else claim_installation()
        except InstallationMismatch as mismatch:
            raise CommandError(str(mismatch)) from mismatch
        self.stdout.write(f"This database belongs to installation {installation}.")

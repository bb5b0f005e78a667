"""Secrets: encrypted at rest, readable after a key rotation, and never in a log line."""

import logging

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from core import crypto
from tests.factories import make_panel
from vpnpanel.models import Panel
from vpnservice.logs import redact


@pytest.fixture
def panel(db, marzban) -> Panel:
    return make_panel(marzban)


def stored_password() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM vpnpanel_panel")
        return cursor.fetchone()[0]


def test_the_database_never_sees_a_panels_password(panel):
    assert panel.password not in stored_password()
    assert Panel.objects.get().password == panel.password


def test_a_rotated_key_still_reads_what_the_old_one_wrote(panel, settings):
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.ENCRYPTION_KEYS]
    before = stored_password()
    found = Panel.objects.get()
    found.save()
    assert found.password == panel.password and stored_password() != before


def test_a_lost_key_is_named(panel, settings):
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(ImproperlyConfigured, match="ENCRYPTION_KEYS"):
        Panel.objects.get()


def test_hashes_of_different_uses_differ():
    assert crypto.keyed_hash("trial", "1") != crypto.keyed_hash("device", "1")
    assert crypto.keyed_hash("trial", "1") == crypto.keyed_hash("trial", "1")


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("POST https://api.telegram.org/bot123456:ABC-DEF_ghi/sendMessage", "ABC-DEF_ghi"),
        ("GET /s/3q2-7wAbCdEfGhIjKlMn HTTP/1.1", "3q2-7wAbCdEfGhIjKlMn"),
        ("Authorization: Bearer eyJhbGciOi.abc", "eyJhbGciOi"),
        ("{'password': 'hunter2!', 'a': 1}", "hunter2!"),
        ("x-webhook-secret=s3cr3t&b=2", "s3cr3t"),
        ("POST https://x/panel/api/inbounds/updateClient/5b0f3c1e-8a54: lost", "5b0f3c1e"),
    ],
)
def test_secrets_are_cut_out_of_log_lines(line, secret):
    assert secret not in redact(line)


def test_a_logged_exception_is_redacted_too(capsys):
    from vpnservice.logs import logging_config

    logging_config(level="INFO", as_json=True)
    try:
        raise ValueError("https://api.telegram.org/bot123456:ABC-DEF_ghi/getMe")
    except ValueError:
        logging.getLogger("shop").exception("failed")
    printed = capsys.readouterr().err
    logging_config(level="WARNING", as_json=False)
    assert "failed" in printed and "ABC-DEF_ghi" not in printed

"""`manage.py panels diff`: what a panel holds otherwise than wanted, and that looking changes nothing."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from tests.vpnpanel.syncing import as_owner
from tests.vpnpanel.wanted import account_of, change, want_access
from vpnpanel import reconciler
from vpnpanel.models import Access, PanelAccount, StrayAccount, SyncFinding


@pytest.fixture
def access(panel):
    access = want_access(announce=False, traffic_limit=2 * 2**30)
    reconciler.reconcile_due()
    return access


def diff(panel) -> dict:
    """Return what a script reads, with the exit code."""
    out = StringIO()
    try:
        call_command("panels", "diff", panel.name, "--json", stdout=out)
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    return {**json.loads(out.getvalue())["panels"][0], "code": code}


def test_panel_as_wanted_shows_nothing(access, panel):
    found = diff(panel)
    assert (found["code"], found["accounts"], found["differences"]) == (0, 1, [])


def test_every_kind_of_difference_is_told(access, panel, marzban, installation):
    lost = want_access(announce=False)
    reconciler.reconcile_due()
    marzban.emu("POST", "lose", username=account_of(lost).name)
    as_owner(marzban, "PUT", account_of(access).name, {"data_limit": 2**30, "status": "disabled"})
    for name in (f"{installation.short}_{'a' * 16}", "friend_1"):
        marzban.http.post(f"{marzban.address}/_emu/users", json={"username": name, "owner": "shop"})
    found = diff(panel)
    assert (found["code"], found["foreign"]) == (1, 1)
    assert {line["kind"]: line["access"] for line in found["differences"]} == {
        "drift": access.pk, "missing": lost.pk, "stray": None
    }  # fmt: skip
    assert found["differences"][0]["details"] == {"enabled": [False, True], "limit": [2**30, 2 * 2**30]}


def test_looking_changes_nothing(access, panel, marzban):
    as_owner(marzban, "PUT", account_of(access).name, {"data_limit": 5})
    marzban.traffic(account_of(access).name, 3)
    marzban.forget_calls()
    before = [list(model.objects.values()) for model in (Access, PanelAccount)]
    diff(panel)
    assert [list(model.objects.values()) for model in (Access, PanelAccount)] == before
    assert not SyncFinding.objects.exists() and not StrayAccount.objects.exists()
    assert {call["call"] for call in marzban.calls()} == {"GET /api/users"}


def test_what_is_about_to_be_applied_is_no_difference(access, panel):
    change(access, is_enabled=False)
    found = diff(panel)
    assert (found["code"], found["waiting"]) == (0, 1)


def test_people_read_dates_and_sizes(access, panel, marzban):
    as_owner(marzban, "PUT", account_of(access).name, {"data_limit": 2**30, "expire": 1_900_000_000})
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("panels", "diff", stdout=out)
    assert "limit: 1.0\xa0GB there, 2.0\xa0GB wanted" in out.getvalue()
    assert "end: 2030-03-17 17:46 there" in out.getvalue()


def test_panel_that_is_away_is_an_error(access, panel, marzban):
    marzban.outage(True)
    assert diff(panel)["code"] == 1

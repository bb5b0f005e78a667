"""Accounts made of a client per entrance, as on older 3x-ui panels: what they used, and what is left."""

import pytest

from tests.factories import make_xui_panel
from tests.vpnpanel.syncing import run_sync
from tests.vpnpanel.wanted import account_of, change, want_access
from vpnpanel import reconciler
from vpnpanel.models import Access, Panel

GB = 2**30
BOTH = {"vless": ["inbound-443", "inbound-8443"]}


@pytest.fixture
def access(installation, xui_legacy) -> Access:
    make_xui_panel(xui_legacy, inbounds=BOTH)
    access = want_access(announce=False, traffic_limit=10 * GB)
    assert reconciler.reconcile_one(access.pk)
    return Access.objects.get(pk=access.pk)


@pytest.fixture
def use(access, xui_legacy):
    """Let bytes flow by one of the entrances."""
    name = account_of(access).name
    return lambda entrance, amount: xui_legacy.traffic(f"{name}-i{entrance}", amount)


def settle() -> None:
    run_sync()
    reconciler.reconcile_due()


def test_what_a_lost_client_used_counts_once(access, use, xui_legacy):
    use(1, 3 * GB)
    use(2, GB)
    settle()
    xui_legacy.lose(f"{account_of(access).name}-i1")
    run = run_sync()
    assert (run.drifted, account_of(access).used_bytes) == (1, 4 * GB)
    reconciler.reconcile_due()
    use(1, 2 * GB)
    run = run_sync()
    account = account_of(access)
    assert (account.used_bytes, account.counter, account.observed_limit) == (6 * GB, 3 * GB, 7 * GB)
    assert (run.drifted, run.relimited) == (0, 0)


def test_what_a_lost_client_used_counts_once_also_when_it_comes_back(access, use, xui_legacy):
    use(1, 3 * GB)
    xui_legacy.back_up()
    settle()
    xui_legacy.lose(f"{account_of(access).name}-i1")
    run_sync()
    xui_legacy.restore()
    use(1, GB)
    run_sync()
    assert account_of(access).used_bytes == 4 * GB


def test_account_counted_as_one_so_far_goes_on_by_parts(access, use):
    use(1, 3 * GB)
    use(2, GB)
    account = account_of(access)
    account.counters, account.counter, account.used_bytes = {}, 3 * GB, 5 * GB
    account.save()
    settle()
    assert account_of(access).used_bytes == 6 * GB


def test_account_used_up_where_nothing_is_sold_now_is_as_wanted(access, use):
    use(2, 12 * GB)
    Panel.objects.update(inbounds={"vless": ["inbound-443"]})
    settle()
    run = run_sync()
    assert (run.drifted, run.relimited, account_of(access).observed_status) == (0, 0, "active")
    assert reconciler.reconcile_one(change(access, is_enabled=False).pk) and run_sync().drifted == 0

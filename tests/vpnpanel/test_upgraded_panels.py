"""A 3x-ui panel upgraded in place to where clients are records: customers notice nothing."""

import pytest
from django.db import transaction

from tests.factories import make_customer, make_xui_panel
from tests.vpnpanel.syncing import run_sync
from tests.vpnpanel.wanted import account_of, change, want_access
from vpnpanel import reconciler, tasks
from vpnpanel.models import Access, StrayAccount
from vpnpanel.services import adopting

GB = 2**30
BOTH = {"vless": ["inbound-443", "inbound-8443"]}


@pytest.fixture
def access(installation, xui_legacy) -> Access:
    """A customer of a legacy panel, which is upgraded after a gigabyte."""
    make_xui_panel(xui_legacy, inbounds=BOTH)
    access = want_access(announce=False, traffic_limit=10 * GB)
    assert reconciler.reconcile_one(access.pk)
    xui_legacy.traffic(f"{account_of(access).name}-i1", GB)
    run_sync()
    xui_legacy.make_user(f"{account_of(access).name}-i3", inbounds=[3])  # somebody else's, for all we know
    xui_legacy.set_version("3.5.0")
    tasks.probe_panels()
    return Access.objects.get(pk=access.pk)


def ours(world, access) -> dict[str, dict]:
    name = account_of(access).name
    return {
        each: user for each, user in world.users().items() if each.startswith(name) and each[-3:] != "-i3"
    }


def test_change_after_an_upgrade_arrives_with_the_same_keys(access, xui_legacy):
    before = {link.split("@")[0] for link in account_of(access).links}
    change(access, traffic_limit=20 * GB)
    assert reconciler.reconcile_one(access.pk)
    (user,) = ours(xui_legacy, access).values()
    assert user["can_connect"]
    assert {link.split("@")[0] for link in account_of(access).links} == before
    xui_legacy.traffic(account_of(access).name, GB)
    assert run_sync().drifted == 0 and account_of(access).used_bytes == 2 * GB
    reconciler.reconcile_due()
    assert [user["data_limit"] for user in ours(xui_legacy, access).values()] == [19 * GB]
    assert f"{account_of(access).name}-i3" in xui_legacy.users()


@pytest.mark.parametrize("terms", [{"is_enabled": False}, {"is_gone": True}])
def test_nobody_gets_in_who_is_cut_off_after_an_upgrade(access, xui_legacy, terms):
    change(access, **terms)
    reconciler.reconcile_one(access.pk)
    assert not Access.objects.get(pk=access.pk).is_dirty
    name = access.accounts.get().name
    assert not any(
        user["can_connect"]
        for each, user in xui_legacy.users().items()
        if each in (f"{name}-i1", f"{name}-i2", name)
    )


def test_full_sync_after_an_upgrade_counts_on_and_mends_without_quarantine(access, xui_legacy):
    xui_legacy.traffic(f"{account_of(access).name}-i2", GB)
    run = run_sync()
    assert (run.drifted, run.missing, account_of(access).used_bytes) == (1, 0, 2 * GB)
    reconciler.reconcile_due()
    assert run_sync().drifted == 0 and list(ours(xui_legacy, access)) == [account_of(access).name]
    assert not StrayAccount.objects.filter(name__contains="-i1").exists()


def test_traffic_of_an_account_that_was_taken_over_is_not_counted_again_after_an_upgrade(
    installation, xui_legacy
):
    panel = make_xui_panel(xui_legacy)
    xui_legacy.make_user("anna", inbounds=[1], expiryTime=1_900_000_000_000, totalGB=50 * GB)
    xui_legacy.traffic("anna", GB)
    (piece,) = adopting.read(panel, installation, 0, adopting.Wanted())
    with transaction.atomic():
        access = adopting.take_over(
            piece.candidates[0], make_customer(), devices=0, groups=panel.groups.all(), panel_count=1,
            enforces_devices=False, actor="olga",
        )  # fmt: skip
    run_sync()
    xui_legacy.set_version("3.5.0")
    tasks.probe_panels()
    xui_legacy.traffic("anna", GB)
    for _ in range(2):
        run_sync()
        assert account_of(access).used_bytes == 2 * GB

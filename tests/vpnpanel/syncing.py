"""What tests of full syncs share: a run of one, and the panel's owner at work behind the shop's back."""

from core import jobs
from core.models import Job
from tests.world import PanelWorld
from vpnpanel import tasks
from vpnpanel.models import Access, SyncRun


def run_sync() -> SyncRun:
    assert tasks.sync_panels()
    jobs.run_due()
    assert not Job.objects.exclude(state=Job.State.DONE).exists()
    return SyncRun.objects.latest("pk")


def is_dirty(access: Access) -> bool:
    return Access.objects.get(pk=access.pk).is_dirty


def as_owner(marzban: PanelWorld, method: str, path: str, body: dict | None = None) -> None:
    """Do something on the panel behind the shop's back."""
    login = {"username": "root", "password": "root"}
    token = marzban.http.post(f"{marzban.address}/api/admin/token", data=login).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    address = f"{marzban.address}/api/user/{path}"
    marzban.http.request(method, address, json=body, headers=headers).raise_for_status()

"""What staff see and do about full syncs: findings, the quarantine, adoption, linking to Telegram."""

import pytest
from django.urls import reverse

from core import jobs
from core.models import Job
from subscriptions.models import Subscription
from tests.backoffice.conftest import allow
from tests.factories import make_panel
from tests.vpnpanel.syncing import as_owner, run_sync
from tests.vpnpanel.wanted import account_of, want_access
from vpnpanel import reconciler
from vpnpanel.models import StrayAccount, SyncFinding


@pytest.fixture
def panel(installation, marzban):
    return make_panel(marzban, holds_changes=True)


@pytest.fixture
def finding(panel, marzban) -> SyncFinding:
    access = want_access(announce=False, traffic_limit=2 * 2**30)
    reconciler.reconcile_due()
    as_owner(marzban, "PUT", account_of(access).name, {"data_limit": 2**30})
    return run_sync().findings.get()


def act(row, name: str) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_act", args=[row.pk, name])


def list_act(model, name: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_list_act", args=[name])


def test_difference_is_shown_in_words_and_approved(client, staff, finding, marzban):
    page = client.get(reverse("admin:vpnpanel_syncfinding_changelist")).content.decode()
    assert "limit: 1.0\xa0GB there, 2.0\xa0GB wanted" in page and finding.name in page
    client.post(act(finding, "approve"))
    reconciler.reconcile_due()
    assert marzban.users()[finding.name]["data_limit"] == 2 * 2**30
    finding.refresh_from_db()
    assert (finding.state, finding.decided_by) == ("approved", "olga")
    page = client.post(act(finding, "dismiss"), {"confirm": "1"}, follow=True).content.decode()
    assert "not held any more" in page


def test_whole_panel_is_approved_after_a_look_at_how_many(client, staff, finding, panel):
    page = client.post(list_act(SyncFinding, "approve-all"), {"panel": panel.pk})
    (change,) = page.context["changes"]
    assert change.before == 1 and SyncFinding.objects.get().state == "held"
    client.post(list_act(SyncFinding, "approve-all"), {"panel": panel.pk, "confirm": "1"})
    assert SyncFinding.objects.get().state == "approved"


def test_looking_is_not_deciding(client, helper, finding):
    allow(helper, "view_syncfinding")
    assert client.get(reverse("admin:vpnpanel_syncfinding_changelist")).status_code == 200
    assert client.post(act(finding, "approve")).status_code == 403


def test_home_shows_what_waits(client, staff, finding):
    page = client.get(reverse("admin:index")).content.decode()
    assert "Differences to approve" in page and "state__exact=held" in page


def test_run_leads_to_its_findings(client, staff, finding):
    page = client.get(reverse("admin:vpnpanel_syncrun_change", args=[finding.run_id])).content.decode()
    address = f"{reverse('admin:vpnpanel_syncfinding_changelist')}?run__id__exact={finding.run_id}"
    assert address in page and finding.name in client.get(address).content.decode()


def test_stray_account_is_taken_over_for_an_access(client, staff, panel, marzban, installation):
    access = want_access(announce=False)
    name = f"{installation.short}_{'a' * 16}"
    marzban.http.post(f"{marzban.address}/_emu/users", json={"username": name, "owner": "shop"})
    run_sync()
    stray = StrayAccount.objects.get()
    page = client.post(act(stray, "adopt"), {"access": access.pk})
    assert page.context["changes"][0].after == access.user
    client.post(act(stray, "adopt"), {"access": access.pk, "confirm": "1"})
    assert account_of(access).name == name


def test_accounts_of_a_panel_are_taken_over_from_its_page(client, staff, panel, marzban):
    wish = {"username": "boris", "owner": "shop", "expire": 1_900_000_000}
    marzban.http.post(f"{marzban.address}/_emu/users", json=wish)
    form = {"plan": "month", "endless_days": 0, "match": "", "confirm": "1"}
    client.post(act(panel, "adopt"), {**form, "is_preview": "on"})
    jobs.run_due()
    job = Job.objects.get(kind="panel_adopt_preview")
    page = reverse("admin:core_job_change", args=[job.pk])
    assert "boris → a customer without Telegram · 17 Mar 2030 · no limit" in client.get(page).content.decode()
    client.cookies["django_language"] = "ru"
    assert "boris → клиент без Telegram · 17 марта 2030" in client.get(page).content.decode()
    assert not Subscription.objects.exists()
    client.post(act(panel, "adopt"), form)
    jobs.run_due()
    customer = Subscription.objects.get().user
    assert "boris" in client.get(reverse("admin:accounts_user_changelist")).content.decode()
    client.post(act(customer, "link"), {"telegram_id": 700000124, "confirm": "1"})
    customer.refresh_from_db()
    assert customer.telegram_id == 700000124

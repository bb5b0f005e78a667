"""What staff do to panels: by verb and by job."""

import pytest

from accounts.models import AuditEvent
from core import jobs
from core.models import Job
from vpnpanel import services
from vpnpanel.errors import PanelDown, PanelRefused, PanelUnfit
from vpnpanel.models import Panel, PanelGroup

pytestmark = pytest.mark.usefixtures("installation")


def fields(marzban, **changes):
    given = {
        "name": "nl-1",
        "base_url": marzban.address + "/",
        "username": marzban.username,
        "password": marzban.password,
        "groups": PanelGroup.objects.filter(code="main"),
        "actor": "olga",
    }
    return given | changes


def test_panel_is_taken_into_service_once_it_answered(marzban):
    panel = services.add_panel(**fields(marzban, location="Amsterdam"))
    panel.refresh_from_db()
    assert (panel.version, panel.location, panel.base_url) == ("0.8.4", "Amsterdam", marzban.address)
    assert panel.groups.get().code == "main" and panel.figures_at


def test_adding_again_changes_the_one_there_is(marzban):
    first = services.add_panel(**fields(marzban))
    again = services.add_panel(**fields(marzban, name="nl-2"))
    assert (again.pk, Panel.objects.get().name) == (first.pk, "nl-2")
    actions = AuditEvent.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["panel.added", "panel.changed"]


def test_trail_never_holds_the_password(marzban):
    services.add_panel(**fields(marzban))
    assert marzban.password not in str(AuditEvent.objects.get().data)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"password": "wrong"}, PanelDown),
        ({"base_url": "http://127.0.0.1:9"}, PanelDown),
        ({"inbounds": {"vless": ["NOPE"]}}, PanelRefused),
        ({"base_url": "not an address"}, PanelUnfit),
        ({"base_url": "https://user:secret@panel.example.com"}, PanelUnfit),
        ({"base_url": "https://panel.example.com:port"}, PanelUnfit),
        ({"inbounds": {"vless": "VLESS TCP REALITY"}}, PanelUnfit),
        ({"inbounds": ["VLESS TCP REALITY"]}, PanelUnfit),
        ({"name": ""}, PanelUnfit),
    ],
)
def test_panel_that_cannot_be_sold_on_is_not_kept(marzban, changes, error):
    with pytest.raises(error):
        services.add_panel(**fields(marzban, **changes))
    assert not Panel.objects.exists()


def test_change_is_kept_only_if_the_panel_still_answers(marzban):
    panel = services.add_panel(**fields(marzban))
    with pytest.raises(PanelDown):
        services.change_panel(panel.pk, actor="olga", password="wrong")
    services.change_panel(panel.pk, actor="olga", capacity=7)
    panel.refresh_from_db()
    assert (panel.password, panel.capacity) == (marzban.password, 7)


def test_panel_without_inbounds_is_not_sold_on(marzban):
    marzban.emu("POST", "panel", inbounds=[], hosts={})
    with pytest.raises(PanelRefused, match="no inbound"):
        services.add_panel(**fields(marzban))


def test_bare_host_name_of_a_container_is_an_address(marzban):
    Panel(name="x", base_url="http://marzban:8000", username="shop", password="pw").full_clean()


def test_name_of_another_panel_is_refused(marzban, second_marzban):
    services.add_panel(**fields(marzban))
    with pytest.raises(PanelUnfit):
        services.add_panel(**fields(second_marzban))


def test_check_job_tells_what_the_panel_has(panel):
    jobs.start("panel_check", subject=str(panel.pk), asked_by="olga")
    jobs.run_due()
    job = Job.objects.get()
    assert job.state == "done" and job.result["version"] == "0.8.4"
    assert job.result["inbounds"] == {"vless": ["VLESS TCP REALITY", "VLESS WS TLS"]}


def test_check_job_of_a_panel_that_is_away_fails_at_once_and_marks_it(panel, marzban):
    marzban.outage(True)
    jobs.start("panel_check", subject=str(panel.pk), asked_by="olga")
    jobs.run_due()
    panel.refresh_from_db()
    assert Job.objects.get().state == "failed" and not panel.is_up


def test_check_job_lets_waiting_accesses_go_on(panel, marzban):
    Panel.objects.update(is_up=False)
    jobs.start("panel_check", subject=str(panel.pk), asked_by="olga")
    jobs.run_due()
    panel.refresh_from_db()
    assert panel.is_up

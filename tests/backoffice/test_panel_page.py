"""What the page and the list of panels tell of the contract test, versions and webhooks."""

from datetime import timedelta

import pytest
from django.test.utils import CaptureQueriesContext

from core import clock, jobs
from core.models import Job
from core.said import said
from core.templatetags.spans import ago
from tests.factories import make_panel
from vpnpanel.models import Panel
from vpnpanel.services import guard, outages

STEP = {"step": "create", "state": "failed", "seconds": 0.5, "said": "403 no", "mismatch": "", "values": {}}
MISMATCH = {**STEP, "step": "links", "said": "", "mismatch": "no_links"}
FAILED = {"outcome": "failed", "steps": [STEP, MISMATCH], "advice": ["sudo", "forgotten"], "leftovers": []}


def page(client, panel: Panel) -> str:
    return client.get(f"/admin/vpnpanel/panel/{panel.pk}/change/").content.decode()


def failed_panel(name: str = "nl-1", **fields: object) -> Panel:
    return Panel.objects.create(
        name=name, base_url=f"http://127.0.0.1:9/{name}", guard="failed", guard_report=FAILED, **fields
    )


def test_page_says_what_failed_and_what_it_means(client, staff):
    text = page(client, failed_panel())
    assert "Closed for sale: Make an account: 403 no" in " ".join(text.replace("</p>", " ").split())
    assert "Nobody new can be served here." in text and "The panel gave the account no usable link." in text
    assert "The administrator is a sudo one." in text


def test_list_says_it_and_marks_versions_nobody_tried(client, staff):
    failed_panel(version="0.7.0")
    text = client.get("/admin/vpnpanel/panel/").content.decode()
    assert (
        "Not passed: closed for sale" in text
        and "Make an account: 403 no" in text
        and "never verified" in text
        and "Closed by its contract test" in text
    )
    Panel.objects.update(version="0.8.4", guard="passed")
    text = client.get("/admin/vpnpanel/panel/").content.decode()
    assert "never verified" not in text and "Make an account" not in text


def test_home_says_which_panel_and_why(client, staff):
    failed_panel()
    failed_panel("de-1", state="closed")  # not for sale anyway
    (trouble,) = [each for each in client.get("/admin/").context["troubles"] if each.key == "guard"]
    assert (trouble.count, trouble.why) == (1, "nl-1: Make an account: 403 no")
    assert client.get("/admin/").content.decode().count("Closed by its contract test") == 1


def test_act_starts_a_test_and_the_page_shows_it(client, staff, installation, marzban):
    panel = make_panel(marzban)
    client.post(f"/admin/vpnpanel/panel/{panel.pk}/do/guard/")
    assert Job.objects.get().kind == guard.KIND and not marzban.calls()  # nothing waits for a panel here
    jobs.run_due()
    text = page(client, panel)
    assert text.count(">passed<") == 14 and "Give it other keys" in text


def test_report_is_in_the_language_of_whoever_reads_it(client, staff, settings):
    settings.LANGUAGE_CODE = "ru"
    client.cookies["django_language"] = "ru"
    assert "Создать учётную запись" in page(client, failed_panel())


def test_address_of_webhooks_is_shown_once_there_is_a_secret(client, staff, settings):
    settings.PUBLIC_BASE_URL = "https://shop.example.com"
    panel = failed_panel()
    assert "webhooks/marzban" not in page(client, panel)
    Panel.objects.update(webhook_secret="a long secret")
    text = page(client, panel)
    assert f"https://shop.example.com/webhooks/marzban/{panel.pk}" in text and "a long secret" not in text


@pytest.mark.parametrize("address", ["/admin/", "/admin/vpnpanel/panel/"])
def test_many_failing_panels_cost_no_more_queries(client, staff, address):
    from django.db import connection

    counts = []
    for names in ("abc", "defgh"):
        for name in names:
            failed_panel(name)
        client.get(address)
        with CaptureQueriesContext(connection) as seen:
            client.get(address)
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_a_refused_sign_in_is_said_once_and_not_called_a_silence(client, staff):
    said = {"text": "the panel refuses our administrator's name or password", "values": {}}
    report = {"outcome": "away", "trouble": {**STEP, "step": "figures", "said": said}}
    panel = Panel.objects.create(
        name="nl-1", base_url="http://127.0.0.1:9", guard="failed", guard_report=report
    )
    text = page(client, panel)
    assert text.count("or let nobody in") == 1 and "figures:" not in text
    assert "Sign in, and ask the panel who it is: the panel refuses" in text


def test_why_a_panel_is_away_is_read_in_the_language_of_whoever_reads_it(client, staff):
    panel = failed_panel()
    outages.mark_down(panel.pk, said("%(call)s: no connection", call="GET https://nl-1"))
    assert "GET https://nl-1: no connection" in page(client, panel)
    client.cookies["django_language"] = "ru"
    assert "GET https://nl-1: нет соединения" in page(client, panel)


def test_a_secret_of_a_second_factor_that_cannot_be_one_is_refused_by_the_form(client, staff, installation):
    form = {"name": "x", "kind": "xui", "base_url": "http://127.0.0.1:9", "username": "a", "password": "b"}
    answer = client.post("/admin/vpnpanel/panel/add/", {**form, "totp_secret": "123 456"})
    assert "Give the text behind the QR code" in answer.content.decode() and not Panel.objects.exists()


@pytest.mark.parametrize(("seconds", "words"), [(20, "just now"), (180, "3\xa0minutes ago")])
def test_moments_of_this_minute_are_just_now(seconds, words):
    assert ago(clock.now() - timedelta(seconds=seconds)) == words

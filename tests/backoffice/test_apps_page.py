"""The catalogue of apps in the admin: what staff may save, and what they see before customers do."""

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from subscriptions.models import AppPlace, ClientApp

pytestmark = pytest.mark.django_db


def page_of(app: ClientApp, name: str = "change") -> str:
    return reverse(f"admin:subscriptions_clientapp_{name}", args=[app.pk])


def form_of(app: ClientApp, **changed: str) -> dict[str, object]:
    """What the page of an app sends as it is, but for what is changed."""
    places = list(app.places.order_by("position", "id"))
    form: dict[str, object] = {
        "name": app.name,
        "code": app.code,
        "link_template": app.link_template,
        "is_enabled": "on",
        "guide_en": "",
        "guide_ru": "",
        "places-TOTAL_FORMS": len(places),
        "places-INITIAL_FORMS": len(places),
    }
    for number, place in enumerate(places):
        for field in ("id", "platform", "store_url", "russian_store_url", "position"):
            form[f"places-{number}-{field}"] = getattr(place, field)
        form[f"places-{number}-app"] = app.pk
    return form | changed


@pytest.fixture
def app(staff) -> ClientApp:
    return ClientApp.objects.get(code="shadowrocket")


def test_an_app_is_changed_and_that_is_written_down(client, app):
    form = form_of(
        app, link_template="shadowrocket://add/{e}", **{"places-0-store_url": "https://new.example.com"}
    )
    assert client.post(page_of(app), form).status_code == 302
    app.refresh_from_db()
    assert app.link_template == "shadowrocket://add/{e}"
    assert AppPlace.objects.filter(app=app, store_url="https://new.example.com").count() == 1
    event = AuditEvent.objects.get(action="app.changed")
    assert (event.actor, event.subject) == ("olga", "app:shadowrocket")
    assert event.data["link_template"] == "shadowrocket://add/{e}"


@pytest.mark.parametrize("template", ["javascript://x/{u}", "https://evil.example/{u}", "happ://add/", "{u}"])
def test_an_address_that_opens_no_app_is_refused_in_words(client, app, template):
    answer = client.post(page_of(app), form_of(app, link_template=template))
    assert answer.status_code == 200 and "link_template" in answer.context["adminform"].form.errors
    app.refresh_from_db()
    assert app.link_template.startswith("shadowrocket://add/sub://")


def test_staff_see_the_address_and_the_page_before_customers_do(client, app):
    ClientApp.objects.filter(pk=app.pk).update(is_enabled=False)
    assert "shadowrocket://add/sub://aHR0cHM6" in client.get(page_of(app)).content.decode()
    preview = client.get(f"{page_of(app, 'preview')}?lang=ru")
    assert "Добавить в Shadowrocket" in preview.content.decode()
    assert "default-src 'none'" in preview["content-security-policy"]


def test_the_preview_is_for_those_who_may_see_apps(client, helper):
    app = ClientApp.objects.get(code="happ")
    assert client.get(page_of(app, "preview")).status_code == 403


def test_an_app_that_is_removed_leaves_a_line(client, app):
    client.post(page_of(app, "delete"), {"post": "yes"})
    assert not ClientApp.objects.filter(pk=app.pk).exists()
    assert AuditEvent.objects.filter(action="app.removed", subject="app:shadowrocket").exists()

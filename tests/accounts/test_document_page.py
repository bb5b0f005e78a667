"""The public page of a document."""

import re

import pytest
from django.utils import translation

from accounts import services
from accounts.models import Document
from tests.accounts.test_documents import publish

pytestmark = pytest.mark.django_db


def page(client, path: str, **headers: str) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def test_address_of_a_document_carries_the_readers_language(settings, client):
    document = services.current_documents()[0]
    with translation.override("ru"):
        assert document.url == f"{settings.PUBLIC_BASE_URL}/documents/offer/1?lang=ru"
        assert document.title in page(client, document.url.removeprefix(settings.PUBLIC_BASE_URL))


@pytest.mark.parametrize(
    ("query", "header", "language"),
    [("", "ru-RU,ru", "ru"), ("", "de", "en"), ("?lang=en", "ru", "en"), ("?lang=xx", "ru", "en")],
)
def test_language_is_the_one_asked_for_else_the_browsers(client, query, header, language):
    text = page(client, f"/documents/offer/1{query}", accept_language=header)
    title = getattr(Document.objects.get(kind="offer"), f"title_{language}")
    assert f'<html lang="{language}">' in text and f"<h1>{title}</h1>" in text


def test_text_is_shown_in_paragraphs_and_never_as_markup(client):
    publish(text="First <script>alert(1)</script>\n\nSecond")
    text = page(client, "/documents/offer/2?lang=en")
    assert "<p>First &lt;script&gt;alert(1)&lt;/script&gt;</p>\n\n<p>Second</p>" in text
    assert "<script" not in text


def test_superseded_version_stays_readable_and_leads_to_the_present_one(client):
    publish()
    assert 'href="/documents/offer/2?lang=en"' in page(client, "/documents/offer/1?lang=en")
    assert "/documents/offer/" not in page(client, "/documents/offer/2?lang=en")


def test_address_without_a_version_leads_to_the_one_in_force(client):
    publish()
    assert client.get("/documents/offer?lang=ru")["Location"] == "/documents/offer/2?lang=ru"


@pytest.mark.parametrize("path", ["poem", "poem/1", "offer/9", "offer/99999999999999999999999"])
def test_unknown_document_is_not_found(client, path):
    assert client.get(f"/documents/{path}").status_code == 404


def test_page_needs_nothing_from_anywhere(client):
    response = client.get("/documents/personal_data/1")
    assert response["Content-Security-Policy"].startswith("default-src 'none'")
    assert not re.search(r'(src=|url\(|<link|<script|href="http)', response.content.decode())

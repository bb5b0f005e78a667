"""Documents for staff: new versions are published, nothing is edited, consents are proof."""

import pytest
from django.urls import reverse

from accounts.models import AuditEvent, Document
from accounts.services import current_documents, missing_documents
from tests.backoffice.conftest import allow, shop_account
from tests.factories import agree_to_all, make_customer

pytestmark = pytest.mark.django_db
ADD = "admin:accounts_document_add"
TEXTS = {"title_en": "Offer", "title_ru": "Оферта", "body_en": "All of it.", "body_ru": "Всё."}


def publish(client, **values: object):
    return client.post(reverse(ADD), {"kind": "offer", **TEXTS, **values})


def test_a_new_version_is_asked_of_everybody_anew(client, staff):
    customer = agree_to_all(make_customer())
    publish(client)
    (offer,) = missing_documents(customer)
    assert (offer.kind, offer.title_en, offer.published_by) == ("offer", "Offer", "olga")
    assert AuditEvent.objects.get(action="document.published", actor="olga")


def test_a_new_version_begins_with_the_text_in_force(client, staff):
    publish(client)
    page = client.get(f"{reverse(ADD)}?kind=offer")
    assert page.context["adminform"].form["body_en"].value() == "All of it."


def test_a_version_is_never_edited_or_deleted(client, staff):
    document = Document.objects.first()
    page = reverse("admin:accounts_document_change", args=[document.pk])
    assert client.get(page).status_code == 200
    assert client.post(page, TEXTS).status_code == 403
    assert client.post(page.replace("change", "delete"), {"post": "yes"}).status_code == 403


def test_a_version_needs_its_text_in_both_languages(client, staff):
    before = Document.objects.count()
    page = publish(client, body_ru="")
    assert page.context["adminform"].form.errors.keys() == {"body_ru"}
    assert Document.objects.count() == before


def test_the_list_says_which_texts_are_in_force_and_which_are_samples(client, staff):
    publish(client)
    shown = client.get(reverse("admin:accounts_document_changelist")).content.decode()
    for word in ("Earlier version", "In force", "In force: sample text"):
        assert word in shown


def test_sample_texts_are_a_concern_once_an_account_for_real_money_is_set_up(client, staff):
    account = shop_account(is_test=True, is_open=False)
    assert client.get("/admin/").context["troubles"] == []
    type(account).objects.update(is_test=False)
    (concern,) = client.get("/admin/").context["troubles"]
    assert (concern.key, concern.count) == ("documents", len(current_documents()))


def test_publishing_needs_the_permission(client, helper):
    allow(helper, "view_document")
    assert publish(client).status_code == 403

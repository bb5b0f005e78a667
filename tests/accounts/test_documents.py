"""Documents customers agree to, and the proof that they did."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from accounts import services
from accounts.errors import DocumentIncomplete, DocumentOutdated, NoSuchCustomer
from accounts.models import AuditEvent, Consent, Document
from tests.factories import make_customer

pytestmark = pytest.mark.django_db

OFFER, DATA = Document.Kind.OFFER, Document.Kind.PERSONAL_DATA


def publish(kind: str = OFFER, *, text: str = "New terms", **fields: str) -> Document:
    texts = {"title_en": "Offer", "title_ru": "Оферта", "body_en": text, "body_ru": f"{text} (ru)"}
    return services.publish_document(kind, **{**texts, **fields}, actor="olga")


def agree(customer, document: Document) -> Consent:
    return services.give_consent(customer.pk, document.pk, actor="customer")


def missing(customer) -> list[tuple[str, int]]:
    return [(document.kind, document.version) for document in services.missing_documents(customer)]


def test_new_shop_asks_for_two_samples_and_says_that_they_are_samples():
    documents = services.current_documents()
    assert [(document.kind, document.version) for document in documents] == [(OFFER, 1), (DATA, 1)]
    assert all(services.is_sample(document) for document in documents)
    assert all("sample" in document.body_en and "образец" in document.body_ru for document in documents)


def test_published_text_is_the_next_version_and_no_sample():
    document = publish()
    event = AuditEvent.objects.get(action="document.published")
    assert (document.version, document.published_by, services.is_sample(document)) == (2, "olga", False)
    assert (event.actor, event.subject) == ("olga", f"document:{document.pk}")
    assert services.current_documents()[0] == document


def test_same_texts_again_publish_nothing():
    texts = {"body_en": "Terms\nhere", "body_ru": "Условия"}
    assert publish(**texts) == publish(**texts | {"body_en": " Terms\r\nhere \n"})
    assert Document.objects.filter(kind=OFFER).count() == 2


def test_text_of_an_earlier_version_can_come_back():
    assert [publish(text=text).version for text in ("one", "two", "one")] == [2, 3, 4]


@pytest.mark.parametrize("name", services.documents.TEXTS)
def test_document_without_one_of_its_texts_is_refused(name):
    with pytest.raises(DocumentIncomplete, match=name):
        publish(**{name: "  \n"})
    assert not Document.objects.filter(published_by="olga").exists()


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="poem"):
        publish("poem")


def test_customer_is_asked_for_what_is_missing_in_order():
    customer = make_customer()
    assert missing(customer) == [(OFFER, 1), (DATA, 1)]
    agree(customer, services.current_documents()[0])
    assert missing(customer) == [(DATA, 1)]
    agree(customer, services.current_documents()[1])
    assert missing(customer) == []


def test_new_version_is_asked_for_anew():
    customer = make_customer()
    for document in services.current_documents():
        agree(customer, document)
    publish()
    assert missing(customer) == [(OFFER, 2)]


def test_consent_of_one_customer_is_not_that_of_another():
    agree(make_customer(), services.current_documents()[0])
    assert missing(make_customer()) == [(OFFER, 1), (DATA, 1)]


def test_what_was_never_published_is_not_asked_for():
    Document.objects.filter(kind=OFFER).delete()
    assert missing(make_customer()) == [(DATA, 1)]


def test_consent_is_kept_once_with_its_first_time():
    customer, document = make_customer(), services.current_documents()[0]
    first, second = agree(customer, document), agree(customer, document)
    event = AuditEvent.objects.get(action="customer.agreed")
    assert (first.pk, first.given_at) == (second.pk, second.given_at)
    assert services.consent_of(customer, OFFER) == first
    assert (event.customer, event.data) == (customer, {"kind": "offer", "version": 1})


def test_nobody_agrees_to_a_version_that_is_no_longer_in_force():
    customer, old = make_customer(), services.current_documents()[0]
    agree(customer, old)
    publish()
    with pytest.raises(DocumentOutdated):
        agree(customer, old)
    assert services.consent_of(customer, OFFER) is None


def test_consent_of_nobody_or_to_nothing_is_refused():
    with pytest.raises(NoSuchCustomer):
        services.give_consent(999_999, services.current_documents()[0].pk, actor="customer")
    with pytest.raises(DocumentOutdated):
        services.give_consent(make_customer().pk, 999_999, actor="customer")


@pytest.mark.parametrize("versions", [1, 20])
def test_what_is_missing_costs_one_query_however_many_versions(versions, django_assert_num_queries):
    customer = make_customer()
    for number in range(versions):
        publish(text=f"Terms {number}")
    with django_assert_num_queries(1):
        assert len(services.missing_documents(customer)) == 2


@pytest.mark.django_db(transaction=True)
def test_versions_published_at_once_get_numbers_of_their_own():
    start = Barrier(4)

    def run(number: int) -> int:
        try:
            start.wait(10)
            return publish(text=f"Terms {number}").version
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(run, range(4))) == [2, 3, 4, 5]

"""Verbs over documents and consents: what customers agree to, in which version, and when they did."""

from django.db import transaction
from django.db.models import Case, Exists, OuterRef, QuerySet, Value, When

from accounts.errors import DocumentIncomplete, DocumentOutdated
from accounts.models import Consent, Document, User
from accounts.services.customers import lock_customer, note
from core.rows import insert_missing

SAMPLE_AUTHOR = "installation"
TEXTS = ("title_en", "title_ru", "body_en", "body_ru")


@transaction.atomic
def publish_document(
    kind: str, *, title_en: str, title_ru: str, body_en: str, body_ru: str, actor: str
) -> Document:
    """Publish the next version of a document: from now on every customer is asked to agree to it.

    Safe to repeat, also at once from two pages: the texts of the newest version publish nothing new.
    Raises DocumentIncomplete if a text is blank in either language.
    """
    texts = dict(zip(TEXTS, (title_en, title_ru, body_en, body_ru), strict=True))
    texts = {name: text.replace("\r\n", "\n").strip() for name, text in texts.items()}
    if blank := [name for name, text in texts.items() if not text]:
        raise DocumentIncomplete(f"a document needs its title and text in both languages: {', '.join(blank)}")
    while True:
        newest = Document.objects.filter(kind=Document.Kind(kind)).order_by("-version").first()
        if newest is not None and all(getattr(newest, name) == texts[name] for name in TEXTS):
            return newest
        version = newest.version + 1 if newest is not None else 1
        new = Document(kind=kind, version=version, published_by=actor, **texts)
        if insert_missing(new):  # else somebody published that version meanwhile
            note(None, "document.published", actor=actor, subject=new.subject, data={"version": version})
            return new


def current_documents() -> list[Document]:
    """Return the newest version of each kind that was ever published, in the order they are asked for.

    One query; the texts stay in the database until they are read.
    """
    return list(_newest())


def missing_documents(customer: User) -> list[Document]:
    """Return what the customer has to agree to before the first or next order. One query.

    A kind that was never published is not asked for; a new version is asked for anew.
    """
    given = Consent.objects.filter(user=customer, document=OuterRef("pk"))
    return list(_newest().filter(~Exists(given)))


@transaction.atomic
def give_consent(customer_id: int, document_id: int, *, actor: str) -> Consent:
    """Keep that the customer agreed to this version of a document, now.

    Safe to repeat: the first consent and its time stay.
    Raises DocumentOutdated if it is not the newest version (or none at all), NoSuchCustomer.
    """
    customer = lock_customer(customer_id)
    document = _newest().filter(pk=document_id).first()
    if document is None:
        raise DocumentOutdated(f"document {document_id} is not the version in force")
    consent = Consent(user=customer, document=document)
    if insert_missing(consent):
        data = {"kind": document.kind, "version": document.version}
        note(customer, "customer.agreed", actor=actor, subject=document.subject, data=data)
        return consent
    return Consent.objects.select_related("document").get(user=customer, document=document)


def consent_of(customer: User, kind: str) -> Consent | None:
    """Return the customer's consent to the newest version of a kind, None if there is none. One query."""
    newest = _newest().filter(kind=kind).values("pk")
    return Consent.objects.select_related("document").filter(user=customer, document__in=newest).first()


def is_sample(document: Document) -> bool:
    """Tell whether this is still the text the shop was installed with, which no operator should keep."""
    return document.published_by == SAMPLE_AUTHOR


def _newest() -> QuerySet[Document]:
    later = Document.objects.filter(kind=OuterRef("kind"), version__gt=OuterRef("version"))
    places = [When(kind=kind, then=Value(place)) for place, kind in enumerate(Document.Kind.values)]
    return Document.objects.filter(~Exists(later)).defer("body_en", "body_ru").order_by(Case(*places))

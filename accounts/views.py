"""Public pages of the documents customers agree to."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.http import require_safe

from accounts import services
from accounts.models import Document


@require_safe
def current_document(request: HttpRequest, kind: str) -> HttpResponse:
    """Lead to the version in force, whose address says which one it is."""
    document = _newest(kind)
    if document is None:
        raise Http404
    query = request.GET.urlencode()
    return HttpResponseRedirect(f"{document.path}?{query}" if query else document.path)


@require_safe
def document(request: HttpRequest, kind: str, version: int) -> HttpResponse:
    """Show one version of a document, superseded ones too: whoever agreed to one can read it for ever."""
    found = Document.objects.filter(kind=kind, version=version).first()
    newest = _newest(kind)
    if found is None or newest is None:
        raise Http404
    language = request.GET.get("lang") or translation.get_language()
    if language not in services.LANGUAGES:
        language = "en"
    with translation.override(language):
        context = {"document": found, "newest": newest, "language": language}
        response = render(request, "documents/document.html", context)
    response["Content-Language"] = language
    # The page is text and its own style, nothing else.
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response


def _newest(kind: str) -> Document | None:
    return next((document for document in services.current_documents() if document.kind == kind), None)

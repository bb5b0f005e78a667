"""Addresses that hand a subscription to an app: what staff may write, and how it is filled.

A template names an app's own scheme and, in braces, what goes where: {u} the subscription's address as it is,
{e} percent-encoded, {b} in base64, {n} the shop's name, percent-encoded.
"""

import base64
import re
from urllib.parse import quote

from django.core.exceptions import ValidationError
from django.utils.encoding import iri_to_uri
from django.utils.translation import gettext_lazy as _

SCHEME = re.compile(r"([a-z][a-z0-9+.-]{1,39})://")
# Unreserved and reserved characters, percent and the braces of placeholders: RFC 3986, 2; no quotes.
TEMPLATE = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%{}-]+")
PLACEHOLDER = re.compile(r"\{([uebn])\}")
# What a browser or the device itself acts on. Whatever else there is opens an app, or nothing.
CLOSED_SCHEMES = re.compile(
    "about|blob|chrome(-.*)?|content|data|facetime|feed|file|filesystem|ftp|https?|intent|itms(-.*)?|jar|"
    "javascript|livescript|mailto|market|mocha|moz-.*|ms-.*|res|resource|search-ms|sms|shell|ssh|tel|telnet|"
    "tg|vbscript|view-source|wss?"
)


def check_template(template: str) -> None:
    """Raise ValidationError, in words for staff, unless the template can only ever open an app."""
    scheme = SCHEME.match(template)
    if scheme is None:
        raise ValidationError(_("It must begin with the app's own scheme, such as happ://"))
    if CLOSED_SCHEMES.fullmatch(scheme[1]):
        raise ValidationError(
            _("A browser or the device acts on this scheme itself; only an app's own may stand here.")
        )
    if not TEMPLATE.fullmatch(template):
        raise ValidationError(_("No spaces, quotes or letters other than English ones."))
    rest = PLACEHOLDER.sub("", template[scheme.end() :])
    if "{" in rest or "}" in rest:
        raise ValidationError(_("Braces stand only around u, e, b and n."))
    if not re.search(r"\{[ueb]\}", template):
        raise ValidationError(_("The address of the subscription is missing: {u}, {e} or {b}."))


def fill(template: str, address: str, name: str) -> str:
    """Return the address that makes the app import `address`; empty if the template is none of ours.

    The fragment of an address names it in some apps; where the template brings a name of its own, and in
    base64, which apps put together with one, the address goes without.
    """
    try:
        check_template(template)
    except ValidationError:  # a row that came past the form
        return ""
    address = iri_to_uri(address)
    bare = address.partition("#")[0]
    values = {
        "u": bare if "#" in template else address,
        "e": quote(address, safe=""),
        "b": base64.b64encode(bare.encode()).decode(),
        "n": quote(name, safe=""),
    }
    return PLACEHOLDER.sub(lambda found: values[found[1]], template)

"""Who is calling us: the address of the first hop that is not a proxy of our own."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def client_address(request: HttpRequest) -> Address | None:
    """Return the caller's address, None if it cannot be told.

    Anybody may write an X-Forwarded-For header, so it is read from the right, and only as far as hops in
    TRUSTED_PROXIES have written it.
    """
    proxies: Sequence[Network] = settings.TRUSTED_PROXIES
    address = _read(request.META.get("REMOTE_ADDR", ""))
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    while address is not None and is_in(address, proxies) and hops and hops[-1].strip():
        address = _read(hops.pop())
    return address


def is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _read(text: str) -> Address | None:
    """Read an address; IPv4 inside IPv6 (`::ffff:185.71.76.5`) is that IPv4 address."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:  # an interface of this machine: nothing a database can keep
            return None
        return address.ipv4_mapped or address
    return address

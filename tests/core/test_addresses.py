"""The caller's address is what our own proxies say it is, and nobody else."""

from ipaddress import ip_address, ip_network

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from core.addresses import client_address

PROXIES = [ip_network("10.0.0.0/8"), ip_network("::1/128")]


def seen(remote: str, forwarded: str | None = None) -> str:
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded is not None else {}
    return str(client_address(RequestFactory().post("/", REMOTE_ADDR=remote, **headers)))


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("185.71.76.5", None, "185.71.76.5"),
        ("185.71.76.5", "77.75.153.1", "185.71.76.5"),
        ("10.0.0.2", "185.71.76.5", "185.71.76.5"),
        ("10.0.0.2", "185.71.76.5, 10.0.0.9", "185.71.76.5"),
        ("10.0.0.2", "77.75.153.1, 185.71.76.5, 10.0.0.9", "185.71.76.5"),
        ("::1", "2a02:5180:0:1509::7", "2a02:5180:0:1509::7"),
        ("10.0.0.2", None, "10.0.0.2"),
        ("10.0.0.2", "10.0.0.3", "10.0.0.3"),
        ("::ffff:185.71.76.5", None, "185.71.76.5"),
        ("::ffff:10.0.0.2", "::ffff:185.71.76.5", "185.71.76.5"),
    ],
)
def test_the_first_hop_that_is_no_proxy_of_ours_is_the_caller(settings, remote, forwarded, address):
    settings.TRUSTED_PROXIES = PROXIES
    assert seen(remote, forwarded) == address


@pytest.mark.parametrize(
    ("remote", "forwarded"),
    [("", None), ("unix:", None), ("10.0.0.2", "unknown"), ("10.0.0.2", "185.71.76.5, _hidden"),
     ("10.0.0.2", "185.71.76.5:443"), ("fe80::1%eth0", None)],
)  # fmt: skip
def test_garbage_is_no_address(settings, remote, forwarded):
    settings.TRUSTED_PROXIES = PROXIES
    assert seen(remote, forwarded) == "None"


def test_without_proxies_the_header_is_never_believed(settings):
    settings.TRUSTED_PROXIES = []
    assert seen("10.0.0.2", "185.71.76.5") == "10.0.0.2"


@given(st.text(max_size=60))
def test_no_header_breaks_the_reading(forwarded):
    found = client_address(
        RequestFactory().post("/", REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)
    )
    assert found == ip_address("127.0.0.1")

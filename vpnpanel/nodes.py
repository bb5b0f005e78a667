"""A server as a share link describes it: typed, the same for every kind of link."""

from dataclasses import dataclass, field
from typing import Any

# What the cores' own TLS libraries know; a name they don't know makes them refuse a whole configuration.
FINGERPRINTS = frozenset(
    {"chrome", "firefox", "safari", "ios", "android", "edge", "360", "qq", "random", "randomized"}
)
EARLY_DATA_HEADER = "Sec-WebSocket-Protocol"


@dataclass(frozen=True, kw_only=True)
class Reality:
    """Keys of REALITY: `public_key` is x25519 in base64url, `verify_key` that of ML-DSA-65."""

    public_key: str
    short_id: str = ""
    spider_x: str = ""
    verify_key: str = ""


@dataclass(frozen=True, kw_only=True)
class Tls:
    """How the connection is encrypted. An empty `fingerprint` leaves it to the app."""

    server_name: str = ""
    fingerprint: str = ""
    alpn: tuple[str, ...] = ()
    # Hashes (SHA-256) of certificates to be taken unseen, and names to be found in the others.
    pins: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    reality: Reality | None = None


@dataclass(frozen=True, kw_only=True)
class Transport:
    """What the protocol runs over.

    `kind` is in Xray's words: tcp, ws, grpc, httpupgrade, xhttp, kcp, http, quic. `mode` is gRPC's (gun or
    multi) or XHTTP's, `header` the disguise of tcp and kcp, `extra` XHTTP's own JSON.
    """

    kind: str = "tcp"
    path: str = ""
    host: str = ""
    service_name: str = ""
    mode: str = ""
    authority: str = ""
    header: str = ""
    seed: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        return self.kind == "tcp" and self.header in ("", "none")

    @property
    def bare_path(self) -> str:
        """The path without the length of early data, which some links write behind it (`/x?ed=2048`)."""
        return self._split_path()[0]

    @property
    def early_data(self) -> int:
        """How many bytes may go along with a WebSocket's opening; 0: none."""
        return self._split_path()[1]

    def _split_path(self) -> tuple[str, int]:
        path, _, options = self.path.partition("?")
        name, _, number = options.partition("=")
        if name == "ed" and number.isdecimal() and len(number) <= 6:
            return path, int(number)
        return self.path, 0


@dataclass(frozen=True, kw_only=True)
class Node:
    """One server. `secret` is the UUID of vless and vmess, else the password (of 2022 ciphers: both keys).

    `link` is the share link as the panel made it. A link that no reader here knows is `opaque`: all but
    `link` and `name` is empty.
    """

    link: str
    scheme: str
    name: str = ""
    host: str = ""
    port: int = 0
    secret: str = ""
    method: str = ""  # cipher of ss and vmess
    flow: str = ""
    encryption: str = ""  # of vless itself; empty or `none` with most servers
    alter_id: int = 0
    tls: Tls | None = None
    transport: Transport = field(default_factory=Transport)
    options: dict[str, str] = field(default_factory=dict)  # of ss (`plugin`) and hysteria2, as they stand

    @property
    def is_opaque(self) -> bool:
        return not self.host

    @property
    def is_encrypted(self) -> bool:
        """Whether VLESS itself encrypts, whatever it runs over."""
        return self.encryption not in ("", "none")

    @property
    def is_bare(self) -> bool:
        """Whether it runs over TCP alone, with nothing around it."""
        return self.transport.is_plain and self.tls is None

    @property
    def server_name(self) -> str:
        """The name to ask for in TLS, where the link says none that of the request or of the server."""
        said = self.tls.server_name if self.tls else ""
        return said or self.transport.host.partition(",")[0] or self.host

    @property
    def fingerprint(self) -> str:
        """The browser to look like, of those that cores know; REALITY does not work without one."""
        if self.tls is None:
            return ""
        if self.tls.fingerprint in FINGERPRINTS:
            return self.tls.fingerprint
        return "chrome" if self.tls.reality else ""

    @property
    def identity(self) -> tuple[str, ...]:
        """What two links have in common if they are the same way to the same server.

        Transport and name count: behind one port may be several ways in, each of which may be blocked alone.
        """
        if self.is_opaque:
            return (self.scheme, self.link.partition("#")[0])
        over = self.transport
        way = (over.kind, over.path, over.host, over.service_name, self.tls.server_name if self.tls else "")
        return (self.scheme, self.host.lower(), str(self.port), self.method, self.secret, *way)

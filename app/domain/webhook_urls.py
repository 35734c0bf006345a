"""Where webhooks may be sent: no address inside our own network, whatever a URL or a name server says.

The form of a URL is checked when an endpoint is registered. What counts is the address that a connection is about to be made
to: it is judged by `is_allowed_address` at that moment, so that a name that points elsewhere by then changes nothing.
Source: OWASP, Server-Side Request Forgery Prevention Cheat Sheet.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from app.domain.errors import refused_at

LONGEST_URL = 2000
_PLAIN = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+")
"""What may stand in a URL; programs disagree about all else, a backslash first."""
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_NAT64 = IPv6Network("64:ff9b::/96")
_SPECIAL = (
    IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"), IPv4Network("168.63.129.16/32"),
    IPv6Network("64:ff9b:1::/48"), IPv6Network("2002::/16"), IPv6Network("3fff::/20"), IPv6Network("5f00::/16"),
)  # fmt: skip
"""Set apart by IANA's registries of special addresses, which the library of this Python knows in part; the /32 looks public
and is the inner service of a cloud's machines (Azure)."""
_INSIDE_NAMES = ("localhost", "local", "internal", "intranet", "home.arpa")


@dataclass(frozen=True, slots=True)
class UrlRules:
    """`local`: only this machine itself may be reached, by http too (the sandbox); else the public internet, by https."""

    local: bool = False
    ports: frozenset[int] = frozenset({443, 8443})
    """Of the public internet; on this machine every port."""


def check_url(url: str, rules: UrlRules) -> None:
    """Refuse a URL that no webhook is ever sent to. Raises ValidationError at /url."""
    if len(url) > LONGEST_URL or not _PLAIN.fullmatch(url):
        raise refused_at("/url", f"Plain ASCII of at most {LONGEST_URL} characters, without spaces or backslashes.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise refused_at("/url", "It cannot be read as a URL.") from None
    schemes = ("http", "https") if rules.local else ("https",)
    if parts.scheme not in schemes:
        raise refused_at("/url", f"It must begin with {' or '.join(f'{each}://' for each in schemes)}.")
    if "@" in parts.netloc:
        raise refused_at("/url", "No user name or password: every message is signed instead.")
    if parts.fragment or "#" in url:
        raise refused_at("/url", "No fragment (#).")
    _check_host(host, parts, rules)
    if not rules.local and (443 if port is None else port) not in rules.ports:
        allowed = ", ".join(str(each) for each in sorted(rules.ports))
        raise refused_at("/url", f"Only these ports: {allowed}.")


def is_allowed_address(address: str, port: int, rules: UrlRules) -> bool:
    """Return whether a connection may be made to this address and port."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if rules.local:
        return _plain(ip).is_loopback
    return port in rules.ports and _is_public(ip)


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    """Return whether an address is of the public internet, the one embedded in it too."""
    embedded = _plain(ip)
    if embedded is not ip:
        return _is_public(embedded)
    if isinstance(ip, IPv6Address):
        if ip.teredo is not None or ip.is_site_local:
            return False
    if any(ip in net for net in _SPECIAL if net.version == ip.version):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _plain(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for (mapped, compatible, NAT64), else itself."""
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip in _NAT64 or 1 < int(ip) < 2**32:
            return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _check_host(host: str, parts: SplitResult, rules: UrlRules) -> None:
    if "[" in parts.netloc or ":" in host:
        literal = host
    else:
        labels = host.rstrip(".").split(".")
        if not host or any(not _LABEL.fullmatch(label) for label in labels) or len(host) > 253:
            raise refused_at("/url", "Its host is no name; write an international one in its xn-- form.")
        if not _NUMBER.fullmatch(labels[-1]):
            _check_name(labels, rules)
            return
        literal = host  # a host that ends in a number is an IPv4 address to every browser, whatever its form
    try:
        ip = ip_address(literal)
    except ValueError:
        raise refused_at("/url", "An address is written in four decimal parts, or in IPv6 form.") from None
    if not (_plain(ip).is_loopback if rules.local else _is_public(ip)):
        raise refused_at("/url", _ELSEWHERE if rules.local else "That address is not of the public internet.")


def _check_name(labels: list[str], rules: UrlRules) -> None:
    name = ".".join(labels).lower()
    is_inside = len(labels) == 1 or any(name == each or name.endswith(f".{each}") for each in _INSIDE_NAMES)
    if rules.local:
        if name != "localhost" and not name.endswith(".localhost"):
            raise refused_at("/url", _ELSEWHERE)
    elif is_inside:
        raise refused_at("/url", "That name is not of the public internet.")


_ELSEWHERE = "In the sandbox webhooks go to this machine only: localhost, 127.0.0.1 or [::1]."

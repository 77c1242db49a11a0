"""Check of the Host header, which prevents DNS rebinding. Pure.

In a DNS rebinding attack, a web site that an operator visits changes the address of its own name
to the monitor's. The browser then lets the site's script read the monitor's pages, and sends the
site's name as Host. IP addresses and names without public registration are therefore allowed;
every other name has to be configured (``[web] allowed_hosts``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

ANY = "*"
"""Value of ``allowed_hosts`` that turns the check off."""

_PRIVATE_SUFFIXES = ("internal", "local", "localhost", "home.arpa", "svc", "test")
"""Domains without public registration (RFC 6761, RFC 6762, RFC 8375; ``internal``: ICANN board
resolution 2024.07.29.06; ``svc``: Kubernetes search paths)."""


def host_allowed(values: Sequence[str], allowed: Iterable[str]) -> bool:
    """Report whether a request with these Host headers may be answered.

    A request without Host does not come from a browser (RFC 9112, section 3.2). ``allowed``
    holds names in lower case; ``*.example.com`` stands for all names below ``example.com``.
    """
    if ANY in allowed or not values:
        return True
    return len(values) == 1 and _allowed(values[0], tuple(allowed))


def _allowed(value: str, allowed: tuple[str, ...]) -> bool:
    host = _without_port(value.strip()).lower().removesuffix(".")
    if not host or _is_address(host):
        return True
    if "." not in host or host.endswith(tuple(f".{suffix}" for suffix in _PRIVATE_SUFFIXES)):
        return True
    return any(_matches(host, pattern) for pattern in allowed)


def _matches(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _without_port(value: str) -> str:
    if value.startswith("["):
        return value[1:].partition("]")[0]
    return value.rpartition(":")[0] if value.count(":") == 1 else value


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True

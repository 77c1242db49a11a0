"""Host headers that may read the page, and those of a DNS rebinding attack."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.web.host_header import host_allowed

ALLOWED = ("monitor.example.com", "*.corp.example")


@pytest.mark.parametrize(
    "host",
    [
        "10.0.1.7:9242", "[2001:db8::1]:9242", "[::1]", "::1", "127.0.0.1", "localhost:9242",
        "egress-monitor:9242", "monitor.ns.svc", "monitor.ns.svc.cluster.local:9242",
        "ip-10-0-0-1.eu-central-1.compute.internal", "monitor.example.com", "MONITOR.Example.com.",
        "a.corp.example:443", "",
    ],
)  # fmt: skip
def test_addresses_private_names_and_configured_names_are_allowed(host: str) -> None:
    assert host_allowed([host], ALLOWED)


@pytest.mark.parametrize(
    "host",
    [
        "evil.com", "evil.com:9242", "rebind.network", "10.0.1.7.nip.io", "corp.example",
        "notcorp.example", "monitor.example.com.evil.com", "localhost.evil.com",
        "internal.evil.com", "127.0.0.1.evil.com:9242", "evil.com.", "xn--evil-.com",
    ],
)  # fmt: skip
def test_public_names_are_refused(host: str) -> None:
    assert not host_allowed([host], ALLOWED)


def test_no_host_is_no_browser_and_two_hosts_are_refused() -> None:
    assert host_allowed([], ())
    assert not host_allowed(["localhost", "evil.com"], ())
    assert host_allowed(["localhost", "evil.com"], ("*",))


@given(st.text())
def test_any_header_is_judged(value: str) -> None:
    assert host_allowed([value], ()) in {True, False}

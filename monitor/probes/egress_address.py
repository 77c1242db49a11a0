"""One request for the public address of this host to a service that the user configured."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from monitor.model.endpoint import (
    DEFAULT_PORTS,
    DEFAULT_PROBERS,
    Endpoint,
    Expectation,
    Protocol,
    Source,
    StatusSet,
)
from monitor.model.probe_result import FailureKind, ProbeResult
from monitor.model.settings import EgressAddressSettings
from monitor.model.target import ProxyChoice, ProxyUse, Target
from monitor.net.errors import ExchangeError
from monitor.net.http.response import ResponseParser
from monitor.probes import http
from monitor.probes.context import ProbeContext

BODY_LIMIT = 64
"""Bytes of a response body: 64. The longest address takes 39, a line break 2 more."""

TARGET_ID = "egress-address"
"""Id of the request in logs. No target has it."""


def egress_address_target(settings: EgressAddressSettings, timeout: float) -> Target:
    """Return the request as a target; only status 200 is a response of the service."""
    protocol = Protocol(settings.scheme)
    endpoint = Endpoint(
        id=TARGET_ID,
        group=TARGET_ID,
        host=settings.host,
        port=settings.port or DEFAULT_PORTS[protocol],
        protocol=protocol,
        prober=DEFAULT_PROBERS[protocol],
        path=settings.path,
        expect=Expectation(StatusSet(((200, 200),))),
        required=False,
        source=Source.CONFIG,
    )
    return Target(endpoint, settings.interval, timeout)


class EgressAddressProbe:
    """A probe by one way out, regardless of NO_PROXY. ``address`` is that of the response."""

    def __init__(self, *, direct: bool) -> None:
        """``direct``: without the proxy."""
        self._direct = direct
        self.address = ""

    async def __call__(self, target: Target, probe_context: ProbeContext) -> ProbeResult:
        """Request the address. A body that is anything else is a failure of the probe."""
        asking = http.Asking({}, BODY_LIMIT, lambda parser: self._keep(parser, target.host))
        if self._direct:
            target = replace(target, proxy=ProxyChoice(ProxyUse.NONE))
        always = probe_context.proxy_paths.always()
        return await http.ask(target, replace(probe_context, proxy_paths=always), asking)

    def _keep(self, parser: ResponseParser, peer: str) -> None:
        if parser.capped:
            message = f"{peer} sent more than {BODY_LIMIT} bytes instead of an IP address"
            raise ExchangeError(FailureKind.HTTP_UNPROVEN, message)
        address = parsed_address(bytes(parser.body))
        if address is None:
            message = f"{peer} sent {len(parser.body)} bytes that are not an IP address"
            raise ExchangeError(FailureKind.HTTP_UNPROVEN, message)
        self.address = address


def parsed_address(body: bytes) -> str | None:
    """Return the IP address that a body consists of, in canonical form; None for anything else.

    White space around it is allowed. An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is its
    IPv4 address. Addresses that no packet can come from are not accepted.
    """
    try:
        text = body.decode("ascii").strip(" \t\r\n")
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        address = address.ipv4_mapped or address
    if address.is_unspecified or address.is_multicast or address.is_loopback:
        return None
    return None if address.is_link_local else str(address)

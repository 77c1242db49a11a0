"""The faults of the demonstration with the expected diagnosis, as data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from monitor.demo.internet import Internet, Manner
from monitor.model.causes import Cause
from monitor.model.incident import Scope

Act = Callable[[Internet, bool], Awaitable[None]]
"""Breaks something (True) or repairs it (False)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``story`` describes it in plain words; ``cause`` and ``scope`` are the expected
    diagnosis."""

    story: str
    cause: Cause
    scope: Scope
    act: Act


def _sites(*hosts: str, manner: Manner) -> Act:
    async def act(internet: Internet, broken: bool) -> None:
        for host in hosts:
            await internet.sites[host].behave(manner if broken else Manner.WELL)

    return act


async def _silence_name_server(internet: Internet, broken: bool) -> None:
    internet.name_server.silent = broken


async def _silence_lighthouses(internet: Internet, broken: bool) -> None:
    for lighthouse in internet.lighthouses.values():
        lighthouse.silent = broken


async def _cut_off(internet: Internet, broken: bool) -> None:
    await _sites(*internet.sites, manner=Manner.DROPPING)(internet, broken)
    await _silence_lighthouses(internet, broken)


async def _lower_hop_limit(internet: Internet, broken: bool) -> None:
    internet.metadata.hop_limit = broken


_JETBRAINS = tuple(
    f"{name}.jetbrains.com" for name in ("download", "download-cf", "download-cdn", "data.services")
)

FAULTS = (
    Fault(
        "The VPC's name server no longer answers.",
        Cause.DNS_TIMEOUT,
        Scope.RESOLVER,
        _silence_name_server,
    ),
    Fault(
        "A security group drops what goes to releases.gitpod.io.",
        Cause.TCP_TIMEOUT,
        Scope.ENDPOINT,
        _sites("releases.gitpod.io", manner=Manner.DROPPING),
    ),
    Fault(
        "UDP to the lighthouses is dropped; TCP is not.",
        Cause.UDP_NO_REPLY,
        Scope.PORT,
        _silence_lighthouses,
    ),
    Fault(
        "AWS Network Firewall resets TLS to *.jetbrains.com.",
        Cause.TLS_RESET_ON_HELLO,
        Scope.GROUP,
        _sites(*_JETBRAINS, manner=Manner.FILTERED),
    ),
    Fault(
        "A web filter shows its own page instead of marketplace.visualstudio.com.",
        Cause.HTTP_BLOCKED_PAGE,
        Scope.ENDPOINT,
        _sites("marketplace.visualstudio.com", manner=Manner.BLOCKED),
    ),
    Fault(
        "A firewall inspects TLS to the management plane, with a CA that the runner lacks.",
        Cause.TLS_INTERCEPTED,
        Scope.TLS_INTERCEPTION,
        _sites("app.gitpod.io", "app.ona.com", manner=Manner.INSPECTED),
    ),
    Fault(
        "The EU gateway refuses connections.",
        Cause.TCP_REFUSED,
        Scope.ENDPOINT,
        _sites("eu01.gitpod.dev", manner=Manner.REFUSING),
    ),
    Fault(
        "The instance's hop limit is 1, so a container gets no metadata token.",
        Cause.IMDS_HOP_LIMIT,
        Scope.ENDPOINT,
        _lower_hop_limit,
    ),
    Fault(
        "Your GitHub's certificate expires.",
        Cause.TLS_EXPIRED,
        Scope.ENDPOINT,
        _sites("github.example.com", manner=Manner.EXPIRED),
    ),
    Fault(
        "A VPC endpoint's policy denies Secrets Manager.",
        Cause.VPC_ENDPOINT_DENIED,
        Scope.ENDPOINT,
        _sites("secretsmanager.eu-central-1.amazonaws.com", manner=Manner.DENYING),
    ),
    Fault(
        "public.ecr.aws is overloaded.",
        Cause.HTTP_STATUS,
        Scope.ENDPOINT,
        _sites("public.ecr.aws", manner=Manner.UNAVAILABLE),
    ),
    Fault(
        "The NAT gateway is gone: nothing gets out.",
        Cause.TCP_TIMEOUT,
        Scope.ALL_EGRESS,
        _cut_off,
    ),
)
"""In the order they come, again and again. In the first round no target falls more than twice;
later the monitor reports that targets flap (``monitor.health.flapping``)."""

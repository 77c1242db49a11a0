"""Which targets of the catalogue a fault affects."""

from __future__ import annotations

from monitor.model.endpoint import Protocol
from monitor.model.target import Target
from monitor.net.proxy.rules import NoProxy
from tests.lab.fault import Which

NO_PROXY = ".internal,169.254.0.0/16,app.gitpod.io,.amazonaws.com"


def host(*names: str) -> Which:
    return lambda t: t.host in names


def ending(*suffixes: str) -> Which:
    return lambda t: t.host.endswith(suffixes)


def group(*names: str) -> Which:
    return lambda t: t.group in names


def speaks(*protocols: Protocol, port: int | None = None) -> Which:
    return lambda t: t.endpoint.protocol in protocols and port in {None, t.port}


def everything(_: Target) -> bool:
    return True


def egress(target: Target) -> bool:
    return target.endpoint.prober != "imds"


def secure(target: Target) -> bool:
    return target.endpoint.protocol in {Protocol.HTTPS, Protocol.TLS}


def http(target: Target) -> bool:
    return target.endpoint.prober == "http"


def proxied(target: Target) -> bool:
    return secure(target) and not NoProxy(NO_PROXY).covers(target.host, target.port)


def both(one: Which, other: Which) -> Which:
    return lambda t: one(t) and other(t)


def but(which: Which) -> Which:
    return lambda t: not which(t)

"""Settings of the lab: how the monitor is configured, and what stands beside it."""

from __future__ import annotations

from dataclasses import replace

from tests.internet.nginx import Site
from tests.lab.breakages import answering
from tests.lab.fault import Setting
from tests.lab.network import INTERNET_V4
from tests.lab.which import NO_PROXY
from tests.lab.world import PROXY, SPARE, VICTIM, World

CORPORATE = "Zscaler Intermediate Root CA"
_PRIVATE = "10.0.8.0/24"
"""Subnet of the VPC endpoints."""

_ISSUERS = ("Amazon Lab CA", "Let's Lab CA", "DigiLab CA", "Sectilab CA")


def trusts_corporate_ca(w: World) -> None:
    w.trust_store(w.other_authority(CORPORATE))


def two_addresses(w: World) -> None:
    answering(*(f"{VICTIM}. 5 A {a}" for a in (w.addresses[VICTIM], SPARE))).apply(w)


def vpc_endpoints(w: World) -> None:
    """Give the AWS APIs private addresses, as interface endpoints have them."""
    w.network.middle.run(f"ip route add {_PRIVATE} via {INTERNET_V4}")
    apis = sorted({t.host for t in w.targets if t.group == "aws_api"})
    for number, name in enumerate(apis, 10):
        w.public_addresses[name] = w.addresses[name]
        w.addresses[name] = f"10.0.8.{number}"
        w.network.internet.run(f"ip addr add 10.0.8.{number}/32 dev lo")
    _serve(w)


def no_vpc_endpoints(w: World) -> None:
    for name, address in w.public_addresses.items():
        w.network.internet.run(f"ip addr del {w.addresses[name]}/32 dev lo")
        w.addresses[name] = address
    w.public_addresses.clear()
    w.network.middle.run(f"ip route del {_PRIVATE}")
    _serve(w)


def _serve(w: World) -> None:
    w.web()
    answering().lift(w)


def several_issuers(w: World) -> None:
    """Have the sites' certificates issued by several CAs, all trusted."""
    issuers = [w.other_authority(name) for name in _ISSUERS]
    for issuer in issuers:
        w.trust_store(issuer)
    every = w.usual_sites(w.authority.issue(*sorted(w.addresses)))
    every = [s for s in every if s.certificate and s.names[0] in w.addresses]
    owners = sorted({owner(site) for site in every})
    issued = {
        name: issuers[number % len(issuers)].issue(*(a for a in w.addresses if a.endswith(name)))
        for number, name in enumerate(owners)
    }
    w.web([replace(s, certificate=issued[owner(s)]) for s in every])


def owner(site: Site) -> str:
    """Return the last two labels of a site's name."""
    return ".".join(site.names[0].split(".")[-2:])


PROXIED = Setting(
    "proxied",
    tables=f'[proxy]\nmode = "config"\nhttps = "http://{PROXY}"\nno_proxy = "{NO_PROXY}"',
    prepare=lambda w: w.proxy(),
    dismantle=lambda w: w.end("squid"),
)
FARGATE = Setting("fargate", environ={"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"})
EVERY_ADDRESS = Setting(
    "every address",
    tables='[groups.vscode]\naddresses = "all"',
    prepare=two_addresses,
    dismantle=lambda w: answering().lift(w),
)
OFTEN = Setting(
    "probed often",  # a baseline takes ten answers, and loss twenty
    interval=3.0,
    timeout=2.9,
    warm_up=33.0,
)
CORPORATE_TRUST = Setting("corporate CA trusted", prepare=trusts_corporate_ca)
IPV4_ONLY = Setting("IPv4 only", keys='address_family = "ipv4"')
VPC_ENDPOINTS = Setting("VPC endpoints", prepare=vpc_endpoints, dismantle=no_vpc_endpoints)
SEVERAL_ISSUERS = Setting("several issuers", prepare=several_issuers, dismantle=lambda w: w.web())

"""``egress-monitor trace``: the hops to a destination, on the port that fails."""

from __future__ import annotations

import asyncio
import ipaddress
import shutil
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from random import SystemRandom

from monitor.catalog import build_targets
from monitor.cli.options import Options, TraceOptions
from monitor.model.endpoint import Source
from monitor.model.identity import Identity
from monitor.model.path import Hop, PathTrace, ReplyKind, Transport
from monitor.model.settings import ConfigError, Problem, Settings
from monitor.model.target import Target
from monitor.net.clock import SystemClock
from monitor.net.dns.resolver import DnsResolver
from monitor.net.nebula import encode_test
from monitor.net.path.flows import probe_flows
from monitor.net.path.hop import Destination, probe_hop
from monitor.net.path.ranges import AddressLabels, RangesError, aws_ranges, own_networks
from monitor.net.path.reset import find_reset
from monitor.net.path.trace import DEFAULT_TTL, TraceLimits, trace
from monitor.net.proxy.rules import ProxyChooser
from monitor.present.formats import Format
from monitor.present.report import encode
from monitor.present.trace_view import TraceReport, live_lines, trace_json, trace_lines

CONTROLS = 16
"""Destinations tried as control: targets of the configuration with the same port."""

CONTROL_SECONDS = 3.0
"""Time limit for resolving and probing each of them."""

LIVE_PAUSE = 1.0
"""Time between two traces with ``--live``: 1 s."""

_TLS_PORTS = frozenset({443, 8443})


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    destination: Destination


def main(options: Options) -> int:
    """Trace once, or until interrupted with ``--live``; return 0 if the destination replies.

    Raises:
        ConfigError: if an argument or the configuration is wrong, or the name has no address.
    """
    wanted = options.trace
    assert wanted is not None
    if wanted.live and (options.format is Format.JSON or not sys.stdout.isatty()):
        what = "standard output is not a terminal"
        raise _wrong("--live", what, "run it on a terminal without --json, or leave --live out")
    settings = options.settings()
    labels = _labels(wanted)
    try:
        report = asyncio.run(_trace(settings, options, wanted, labels))
    except KeyboardInterrupt:
        return 130
    if options.format is Format.JSON:
        print(encode(trace_json(report)))
    else:
        print("\n".join(trace_lines(report)))
    return 0 if report.path.reached else 1


async def _trace(
    settings: Settings, options: Options, wanted: TraceOptions, labels: AddressLabels
) -> TraceReport:
    resolver = DnsResolver.from_settings(settings.dns, SystemClock(), SystemRandom())
    place = await _place(settings, options, wanted, resolver)
    limits = TraceLimits(wanted.max_hops, wanted.probes, wanted.timeout)
    if wanted.live:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
        path = await _live(place, limits, labels, stop)
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
        print("\x1b[H\x1b[J", end="")
    else:
        path = await trace(place.destination, limits)
    control = await _control(settings, place, resolver, limits) if not path.reached else None
    stream = place.destination.transport is Transport.TCP
    flows = None
    if wanted.flows and stream:
        flows = await probe_flows(
            place.destination, SystemRandom(), count=wanted.flows, within=settings.schedule.timeout
        )
    reset = None
    if stream and path.reached and place.destination.port in _TLS_PORTS:
        reset = await find_reset(
            place.destination.address, place.destination.port, place.name, within=wanted.timeout
        )
    return TraceReport(
        place.name,
        path,
        control_name=control[0] if control else "",
        control=control[1] if control else None,
        flows=flows,
        reset=reset,
        labels=labels,
    )


async def _live(
    place: _Place, limits: TraceLimits, labels: AddressLabels, stop: asyncio.Event
) -> PathTrace:
    """Repeat the trace and redraw it until ``stop``, adding up the replies of each hop."""
    seen: dict[int, Hop] = {}
    while True:
        path = await trace(place.destination, limits)
        for hop in path.hops:
            known = seen.get(hop.ttl)
            seen[hop.ttl] = Hop(hop.ttl, (*(known.replies if known else ()), *hop.replies)[-300:])
        total = replace(path, hops=tuple(seen[ttl] for ttl in sorted(seen)))
        size = shutil.get_terminal_size()
        lines = live_lines(place.name, total, labels, size.columns, size.lines)
        # Overwriting line by line does not flicker, unlike clearing the screen first.
        print(
            "\x1b[H" + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J", end="", flush=True
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(LIVE_PAUSE):
                await stop.wait()
        if stop.is_set():
            return total


async def _place(
    settings: Settings, options: Options, wanted: TraceOptions, resolver: DnsResolver
) -> _Place:
    host, port = wanted.host, wanted.port
    if wanted.proxy:
        proxy = ProxyChooser.from_settings(settings.proxy, options.environ).of("https")
        if proxy is None:
            raise _wrong("--proxy", "no proxy is configured", "set [proxy] or HTTPS_PROXY")
        host, port = proxy.host, proxy.port
    address = await _address(host, resolver)
    if address is None:
        raise _wrong(host, "has no address", "check the name, or trace an IP address")
    transport = Transport.UDP if wanted.udp else Transport.TCP
    return _Place(host, Destination(address, port, transport, _payload(wanted.udp)))


def _payload(udp: bool) -> bytes:
    """Return the datagram to send: a Nebula test packet, which a lighthouse answers."""
    return encode_test(SystemRandom().getrandbits(32)) if udp else b""


async def _address(host: str, resolver: DnsResolver, like: str = "") -> str | None:
    """Return the first address of a host, or the first of the family of ``like``."""
    try:
        addresses: tuple[str, ...] = (str(ipaddress.ip_address(host)),)
    except ValueError:
        addresses = (await resolver.resolve(host)).addresses
    return next((a for a in addresses if not like or (":" in a) is (":" in like)), None)


async def _control(
    settings: Settings, place: _Place, resolver: DnsResolver, limits: TraceLimits
) -> tuple[str, PathTrace] | None:
    """Trace a target of the configuration that replies on the same port, if there is one."""
    rows = build_targets(settings, Identity(region=settings.region), resolver.servers)
    own_first = sorted(rows, key=lambda target: target.endpoint.source is not Source.CONFIG)
    hosts = list(dict.fromkeys(t.host for t in own_first if _comparable(t, place)))[:CONTROLS]
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_replying(host, place.destination, resolver, limits))
            for host in hosts
        ]
    for host, task in zip(hosts, tasks, strict=True):
        if (other := task.result()) is not None:
            return host, await trace(other, limits)
    return None


async def _replying(
    host: str, like: Destination, resolver: DnsResolver, limits: TraceLimits
) -> Destination | None:
    """Return the destination of a host on the same port and of the same family if it replies."""
    try:
        async with asyncio.timeout(CONTROL_SECONDS):
            address = await _address(host, resolver, like.address)
            if address is None or address == like.address:
                return None
            other = replace(like, address=address)
            reply = await probe_hop(other, DEFAULT_TTL, limits.timeout)
    except TimeoutError:
        return None
    return other if reply.kind is ReplyKind.REACHED else None


def _comparable(target: Target, place: _Place) -> bool:
    udp = target.endpoint.prober == "nebula"
    same = target.port == place.destination.port and target.host != place.name
    return same and udp == (place.destination.transport is Transport.UDP)


def _labels(wanted: TraceOptions) -> AddressLabels:
    own = own_networks()
    if wanted.aws_ranges is None:
        return AddressLabels(own)
    try:
        return AddressLabels(own, aws_ranges(wanted.aws_ranges.read_text(encoding="utf-8")))
    except (OSError, RangesError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _wrong(
            "--aws-ranges",
            f"{wanted.aws_ranges}: {reason}",
            "download https://ip-ranges.amazonaws.com/ip-ranges.json",
        ) from None


def _wrong(key: str, what: str, remediation: str) -> ConfigError:
    return ConfigError((Problem("arguments", key, what, remediation),))

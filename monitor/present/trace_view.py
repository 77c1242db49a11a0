"""Traces and flow tests as text and as JSON. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from monitor.model.path import FlowPattern, FlowTest, Hop, PathTrace, ReplyKind, ResetHop, Transport
from monitor.net.path.ranges import AddressLabels

Json = dict[str, object]

WIDTH = 80
"""Columns of the text: 80, those of a terminal by default."""

_PATTERNS = {
    FlowPattern.ALL_WORK: "every flow works",
    FlowPattern.ALL_FAIL: "every flow fails: the port or the address is blocked or down",
    FlowPattern.ONE_PATH: (
        "the same source ports fail again: one path of several is broken (a NAT gateway, a "
        "firewall or a link, or missing return ports in a network ACL)"
    ),
    FlowPattern.LOSS: "other source ports fail the second time: packets are lost at random",
    FlowPattern.UNCLEAR: "too few failures to separate one bad path from packet loss",
}
_ENDS = {
    ReplyKind.REACHED: "reached",
    ReplyKind.REFUSED: "refused",
    ReplyKind.PROHIBITED: "prohibited",
}


@dataclass(frozen=True, slots=True)
class TraceReport:
    """The result of ``egress-monitor trace``. ``control`` is the trace to a destination that works
    on the same port, None if there is none or it was not needed."""

    name: str
    path: PathTrace
    control_name: str = ""
    control: PathTrace | None = None
    flows: FlowTest | None = None
    reset: ResetHop | None = None
    labels: AddressLabels = AddressLabels()


def trace_json(report: TraceReport) -> Json:
    """Return the report as a JSON document; times are seconds."""
    control = report.control
    return {
        "name": report.name,
        **_path_json(report.path, report.labels),
        "conclusion": conclusion(report),
        "control": {"name": report.control_name, **_path_json(control, report.labels)}
        if control
        else None,
        "flows": _flows_json(report.flows) if report.flows else None,
        "reset": {
            "ttl": report.reset.ttl,
            "server_ttl": report.reset.distance,
            "middlebox": report.reset.is_middlebox,
        }
        if report.reset
        else None,
    }


def _path_json(path: PathTrace, labels: AddressLabels) -> Json:
    last = path.last_responding
    return {
        "address": path.address,
        "port": path.port,
        "transport": path.transport.value,
        "reached": path.reached,
        "last_responding_hop": last.ttl if last else None,
        "first_silent_hop": path.first_silent,
        "hops": [
            {
                "ttl": hop.ttl,
                "addresses": [
                    {"address": address, "range": labels.label(address)}
                    for address in hop.addresses
                ],
                "rtt_seconds": [round(rtt, 6) for rtt in hop.rtts],
                "loss": round(hop.loss, 3),
                "mtu": hop.mtu,
                "reply": hop.end.value if hop.end else None,
            }
            for hop in path.hops
        ],
    }


def _flows_json(test: FlowTest) -> Json:
    first, second = test.failed_rounds
    return {
        "pattern": test.pattern.value,
        "flows": len(test.flows),
        "failed": [first, second],
        "failed_in_both_rounds": test.failed_again,
        "source_ports_failed": [f.source_port for f in test.flows if not any(f.outcomes)],
    }


def trace_lines(report: TraceReport) -> Iterator[str]:
    """Yield the report as lines of text, at most ``WIDTH`` columns unless an address is long."""
    path = report.path
    yield f"Trace to {_place(report.name, path)}"
    yield from path_lines(path, report.labels)
    if report.control:
        yield ""
        yield f"Control: {_place(report.control_name, report.control)}"
        yield from path_lines(report.control, report.labels)
    if report.flows:
        first, second = report.flows.failed_rounds
        yield ""
        yield from textwrap.wrap(
            f"Flows: {len(report.flows.flows)} source ports tried twice; {first} failed the first "
            f"time, {second} the second time, {report.flows.failed_again} both times.",
            WIDTH,
        )
    yield ""
    yield from textwrap.wrap(conclusion(report), WIDTH, break_on_hyphens=False)


def live_lines(
    name: str, path: PathTrace, labels: AddressLabels, columns: int, rows: int
) -> list[str]:
    """Return the screen of a trace that is repeated: at most ``rows`` - 1 lines, the last hops if
    not all fit, cut at ``columns``."""
    heading, *hops = path_lines(path, labels)
    room = max(1, rows - 5)
    hidden = len(hops) - room if len(hops) > room else 0
    shown = hops[hidden:]
    title = f"Trace to {_place(name, path)}"
    more = [f"     ({hidden} lines above)"] if hidden else []
    return [line[:columns] for line in (title, heading, *more, *shown, "Ctrl-C ends")]


def path_lines(path: PathTrace, labels: AddressLabels) -> Iterator[str]:
    """Yield one line per hop: number, address, range, round-trip time, loss."""
    yield f"{'hop':>3}  {'address':<24}{'range':<17}{'median':>8}{'best':>8}{'loss':>5}"
    for hop in path.hops:
        yield from _hop_lines(hop, labels)


def _hop_lines(hop: Hop, labels: AddressLabels) -> Iterator[str]:
    rtts = hop.rtts
    times = (_milliseconds(median(rtts)), _milliseconds(min(rtts))) if rtts else ("", "")
    address = hop.addresses[0] if hop.addresses else "(no reply)"
    label = labels.label(address) if hop.addresses else ""
    notes = [_ENDS[hop.end]] if hop.end else []
    notes += [f"MTU {hop.mtu}"] if hop.mtu else []
    line = f"{hop.ttl:>3}  {address:<24}{label:<17}{times[0]:>8}{times[1]:>8}{hop.loss:>5.0%}"
    yield "  ".join((line, *notes)).rstrip()
    for other in hop.addresses[1:]:
        yield f"     {other:<24}{labels.label(other):<17}".rstrip()


def _milliseconds(seconds: float) -> str:
    """Return a round-trip time in at most 7 columns; hops in a subnet take microseconds."""
    value = seconds * 1000
    return (
        f"{value:.2f} ms" if value < 1 else f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"
    )


def conclusion(report: TraceReport) -> str:
    """Return what the traces show together, and nothing beyond it."""
    path = report.path
    udp = "UDP " if path.transport is Transport.UDP else ""
    where = f"{report.name} {udp}port {path.port}"
    if report.flows and report.flows.pattern in {FlowPattern.ONE_PATH, FlowPattern.LOSS}:
        return f"{where}: {_PATTERNS[report.flows.pattern]}."
    if report.reset and report.reset.is_middlebox:
        return (
            f"{where}: a middlebox at hop {report.reset.ttl} or before resets the TLS "
            f"ClientHello; the server is {report.reset.distance} hops away."
        )
    if path.end is not None:
        return f"{where} {_end(path, path.end)}{_control_reached(report)}."
    return f"{where}: {_where_it_stops(report)}"


def _end(path: PathTrace, hop: Hop) -> str:
    by = hop.addresses[0] if hop.addresses else "a device"
    if hop.end is ReplyKind.REACHED:
        return f"replies at hop {hop.ttl}"
    if hop.end is ReplyKind.PROHIBITED:
        # A firewall rejects what it would forward: its own address replies one hop earlier.
        ttl = min((h.ttl for h in path.hops if by in h.addresses), default=hop.ttl)
        return f"is prohibited by {by} at hop {ttl}"
    if by == path.address:
        # A device that rejects a connection uses the destination's address for its RST.
        return f"is refused by {by}, or in its name by a device at hop {hop.ttl} or before"
    return f"is refused by {by} at hop {hop.ttl}"


def _control_reached(report: TraceReport) -> str:
    """Return the distance of the control if the destination refused; "" otherwise."""
    control, end = report.control, report.path.end
    if control is None or not control.reached or end is None or control.end is None:
        return ""
    return f"; {report.control_name} on the same port replies at hop {control.end.ttl}"


def _where_it_stops(report: TraceReport) -> str:
    last, control = report.path.last_responding, report.control
    if last is None:
        return "no hop replies. That alone does not show where packets stop."
    sentence = f"the last reply is from {last.addresses[0]} at hop {last.ttl}"
    if control is None or not control.reached:
        return f"{sentence}; later hops may be silent by configuration."
    shared = _shared_hops(report.path, control)
    if shared and shared < last.ttl:
        return f"{sentence}; the path to {report.control_name} leaves it after hop {shared}."
    if shared == last.ttl:
        return (
            f"{sentence}. The path to {report.control_name} on the same port passes it too and "
            f"arrives: check hop {last.ttl} and the devices after it."
        )
    return f"{sentence}; {report.control_name} on the same port replies."


def _shared_hops(path: PathTrace, control: PathTrace) -> int:
    """Return the number of leading hops that both paths share."""
    shared = 0
    for one, other in zip(path.hops, control.hops, strict=False):
        if not one.addresses or not set(one.addresses) & set(other.addresses):
            break
        shared = one.ttl
    return shared


def _place(name: str, path: PathTrace) -> str:
    shown = name if name == path.address else f"{name} ({path.address})"
    return f"{shown}, {path.transport.value.upper()} port {path.port}"

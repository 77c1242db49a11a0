"""A target's page: its state and why, its history, and every fact of its last probe."""

from __future__ import annotations

from collections.abc import Iterator

from htpy import (
    Element,
    Node,
    a,
    br,
    button,
    code,
    form,
    h1,
    h2,
    h3,
    nav,
    p,
    section,
    span,
    strong,
    td,
    th,
    tr,
)

from monitor.diagnosis.causes import INSPECTED_BY
from monitor.diagnosis.network_path import SENTENCES, network_path
from monitor.diagnosis.proxy_path import proxy_paths_of
from monitor.health.status import TargetStatus
from monitor.health.timeline import slots, strip
from monitor.model.probe_result import (
    Certificate,
    Connection,
    DnsAnswer,
    ProbeResult,
    Resolution,
    TlsFacts,
)
from monitor.model.state import State
from monitor.model.target import Target
from monitor.present.discovery_view import broken_line, found_text
from monitor.present.incident_view import runbook_path
from monitor.present.json_view import no_diagnosis
from monitor.scheduler.probe_request import ProbeRequest
from monitor.state.store import StateStore
from monitor.web.pages import charts
from monitor.web.pages.incidents import card, past_table
from monitor.web.pages.parts import (
    DAY,
    WORDS,
    date,
    duration,
    evidence,
    facts,
    lasted,
    mark,
    millis,
    nothing,
    place,
    prose,
    quoted,
    share,
    since,
    state_words,
    table,
    text,
    words,
)
from monitor.web.pages.ranges import axis, chosen_range, clipped, in_words, range_links
from monitor.web.pages.shell import page

_ROOT = "../"
_PATHS = ("Path", "Now", "Took", "Error")
_SOON = 21 * DAY
"""Remaining lifetime below which a certificate is highlighted, in seconds."""

_OUTCOMES = {
    ProbeRequest.ACCEPTED: "Probing now; the result appears here in a moment.",
    ProbeRequest.IN_PROGRESS: "A probe is running already; its result appears here in a moment.",
    ProbeRequest.TOO_SOON: "Not probed: the last probe was a moment ago. Try again in 5 s.",
    ProbeRequest.NOT_PROBED: "Not probed: a value of this target is missing.",
}


def target_page(
    store: StateStore,
    status: TargetStatus,
    now: float,
    *,
    range_name: str = "",
    may_probe: bool = False,
    outcome: ProbeRequest | None = None,
) -> Iterator[str]:
    """Render the page as of ``now`` (Unix seconds). ``may_probe`` shows the button "Probe now",
    ``outcome`` is that of a click on it."""
    target, state = status.target, status.health.state
    title = f"{target.id} is {WORDS[state].lower()}"
    content: list[Node] = [
        _summary(status, now),
        _probe_now(target, may_probe, outcome),
        _incidents(store, target.id, now),
        _history(store, status, now, range_name),
        _probe(status.probe_result, now),
        _about(status, now),
    ]
    events = f"events?target={quoted(target.id)}"
    return page(store, now, content, title=title, state=state, root=_ROOT, events=events)


def proxy_path(target: Target, result: ProbeResult | None) -> str:
    """Return the path by which a target was reached, if it is notable."""
    taken = network_path(target, result)
    if result is not None and result.proxy:
        return f"through proxy {text(result.proxy)}"
    return SENTENCES[taken] if taken else ""


def inspected_by(status: TargetStatus) -> str:
    """Return the issuer that intercepts TLS; "" if none is known."""
    return status.diagnosis.evidence.get(INSPECTED_BY, "") if status.diagnosis else ""


def expiry(result: ProbeResult | None, now: float) -> Node:
    """Return in how many days the first certificate of the chain expires."""
    tls = _tls(result)
    if tls is None or not tls.chain:
        return nothing()
    left = (tls.expires_at or 0.0) - now
    if not abs(left) < 1e5 * DAY:
        return nothing()
    if left <= 0:
        return strong(".down")["expired"]
    days = f"{left / DAY:.0f} d"
    return strong(".degraded")[days] if left < _SOON else days


def _summary(status: TargetStatus, now: float) -> Node:
    target, health = status.target, status.health
    diagnosis = status.diagnosis or no_diagnosis(target)
    state, cause = health.state, diagnosis.cause
    telling = cause is not None or inspected_by(status)
    seen = evidence(diagnosis.evidence) if telling else None
    return [
        nav(aria_label="Breadcrumb")[
            a(href=_ROOT)["All targets"],
            " / ",
            a(href=f"{_ROOT}#g-{text(target.group)}")[words(target.group)],
        ],
        h1("#headline", class_=f"headline {state.value}", aria_live="polite")[
            mark(state), " ", span[f"{text(target.id)}: {WORDS[state].lower()}"]
        ],
        p(".meta")[
            code[place(target)],
            [" since ", since(health.since, now)] if health.since else None,
            ", flapping" if health.flapping else None,
            [" · ", a(href=f"{_ROOT}{runbook_path(cause)}")[code[text(cause.value)]]]
            if cause
            else None,
        ],
        p(".lead")[prose(diagnosis.detail)] if diagnosis.detail else None,
        p(".remediation")[strong["What to do:"], " ", prose(diagnosis.remediation)]
        if diagnosis.remediation
        else None,
        [h2["Observed"], seen] if seen else None,
    ]


def _probe_now(target: Target, may_probe: bool, outcome: ProbeRequest | None) -> Node:
    if not may_probe:
        return None
    return form(".probe", method="post", action=f"{quoted(target.id)}/probe")[
        button(type="submit")["Probe now"],
        span("#outcome", role="status")[f" {_OUTCOMES[outcome]}" if outcome else None],
    ]


def _incidents(store: StateStore, target_id: str, now: float) -> Node:
    open_ones = [i for i in store.incidents if target_id in i.affected]
    past = [c for c in store.incident_log if c.ended_at and target_id in c.incident.affected]
    return [
        section[
            h2["Open incident"], [card(store, incident, now, root=_ROOT) for incident in open_ones]
        ]
        if open_ones
        else None,
        section[h2["Past incidents"], past_table(past, now, root=_ROOT)] if past else None,
    ]


def _history(store: StateStore, status: TargetStatus, now: float, range_name: str) -> Node:
    resolution = chosen_range(range_name, store)
    timeline, span_words = status.timeline_in(resolution), in_words(resolution)
    (shown,) = clipped([strip(timeline, now, resolution, width=1)])
    drawn = slots(timeline, now, resolution)[-len(shown.worst) :]
    chart = charts.latency_chart(drawn, span_words)
    return section[
        h2[span_words],
        range_links(resolution),
        h3["State: ", _up(shown.uptime)],
        charts.bar(shown, span_words, "large"),
        axis(shown, resolution),
        [h3["Latency (all phases)"], chart, axis(shown, resolution)] if chart else None,
    ]


def _up(uptime: float | None) -> str:
    return "not measured yet" if uptime is None else f"{share(uptime)} up"


def _probe(result: ProbeResult | None, now: float) -> Node:
    if result is None:
        return None
    return section[
        h2["Last probe"],
        p[
            "Started ",
            since(result.started_at, now),
            ", took ",
            millis(result.duration),
            _late(result),
            ".",
        ],
        _proxy_paths(result) if result.alternate is not None else None,
        _resolution(result.resolution) if result.resolution is not None else None,
        [_connection(connection) for connection in result.connections],
        _certificates(tls, now) if (tls := _tls(result)) is not None else None,
    ]


def _late(result: ProbeResult) -> Node:
    late = result.loop_lag
    return ["; the event loop was ", millis(late), " late meanwhile"] if late > 0.01 else None


def _proxy_paths(result: ProbeResult) -> Node:
    """Compare the paths with and without a proxy, if both were probed."""
    rows = (
        tr[
            th(scope="row")[words(path.value)],
            td[state_words(State.UP if tried.ok else State.DOWN)],
            td[millis(tried.duration)],
            td[text(tried.failure.message) if tried.failure else None],
        ]
        for path, tried in proxy_paths_of(result).items()
    )
    return [h3["Paths"], table("Through the proxy and directly", _PATHS, rows)]


def _resolution(resolution: Resolution) -> Node:
    title = h3["DNS: ", code[text(resolution.host)]]
    if not resolution.answers:
        found = ", ".join(map(text, resolution.addresses)) or "no address"
        return [title, p[f"From {words(resolution.source.value)}: ", code[found]]]
    columns = ("Name server", "Type", "Answer", "Addresses", "Took")
    rows = map(_answer, resolution.answers)
    return [title, table("Answers by name server", columns, rows, "wide")]


def _answer(answer: DnsAnswer) -> Element:
    outcome = answer.rcode or (answer.failure.message if answer.failure else "no answer")
    over = " over TCP" if answer.transport == "tcp" else ""
    found = [[br if n else None, text(x)] for n, x in enumerate(answer.addresses)]
    return tr[
        th(scope="row")[code[text(answer.server)]],
        td[f"{text(answer.qtype)}{over}"],
        td[text(outcome)],
        td[code[found] if found else nothing()],
        td[millis(answer.seconds)],
    ]


def _connection(connection: Connection) -> Node:
    where = f"[{connection.address}]" if ":" in connection.address else connection.address
    failure = connection.failure
    return [
        h3[
            mark(State.UP if failure is None else State.DOWN),
            " ",
            code[f"{text(where)}:{connection.port}"],
            f" through proxy {text(connection.proxy)}" if connection.proxy else None,
        ],
        p(".why")[f"Failed in phase {words(failure.phase.value)}: {text(failure.message)}"]
        if failure
        else None,
        _waterfall(connection),
        facts(_figures(connection)),
    ]


def _waterfall(connection: Connection) -> Node:
    total = charts.whole(connection.phases)
    if not total:
        return None
    rows, begun = [], 0.0
    for phase, seconds in connection.phases.items():
        rows.append(
            tr[
                th(scope="row")[words(phase.value)],
                td[charts.phase_step(phase, begun, seconds, total)],
                td[millis(seconds)],
            ]
        )
        begun += charts.whole({phase: seconds})
    return table("Phases in order", ("Phase", "When", "Took"), rows, "waterfall")


def _figures(connection: Connection) -> Iterator[tuple[str, Node]]:
    tcp, http = connection.tcp, connection.http
    if connection.rtt is not None:
        yield "round trip", millis(connection.rtt)
    if tcp is not None:
        yield "round-trip variation", millis(tcp.rtt_variation)
        yield "retransmits", str(tcp.retransmits)
        yield "path MTU", str(tcp.path_mtu)
    if connection.resends is not None:
        yield "sent again", str(connection.resends)
    if connection.tls is not None:
        yield "TLS", text(" ".join(filter(None, (connection.tls.version, connection.tls.cipher))))
    if http is not None:
        yield "HTTP status", str(http.status)
        yield "server", text(http.headers.get("server", ""))
        yield "redirects to", code[text(http.redirect)] if http.redirect else None


def _certificates(tls: TlsFacts, now: float) -> Node:
    verdict = {True: "verified", False: "not verified", None: "not checked"}[tls.verified]
    error = f": {text(tls.verify_error)}" if tls.verify_error else ""
    columns = ("Certificate", "Issued by", "Valid from", "Expires")
    shown = tls.verified_chain or tls.chain
    title = "Verified chain" if tls.verified_chain else "Chain as the server sent it"
    rows = (_certificate(certificate, now) for certificate in shown)
    others = (_certificate(certificate, now) for certificate in tls.extra)
    extra_title = "Sent as well, and not needed for verification"
    return [
        h3[f"Certificate: {verdict}{error}"],
        table(f"{title}, the leaf first", columns, rows, "wide") if shown else None,
        table(extra_title, columns, others, "wide") if tls.extra else None,
    ]


def _certificate(certificate: Certificate, now: float) -> Element:
    left = certificate.not_after - now
    remains = f"in {lasted(left)}" if left > 0 else "expired"
    return tr[
        th(scope="row")[text(certificate.subject)],
        td[text(certificate.issuer)],
        td[date(certificate.not_before)],
        td[date(certificate.not_after), f" ({remains})"],
    ]


def _about(status: TargetStatus, now: float) -> Node:
    target, endpoint = status.target, status.target.endpoint
    sample = target.wildcard_sample
    found_at = sample.found_at if sample else None
    broken = sample.broken if sample else None
    steps = [[br if n else None, text(x)] for n, x in enumerate(sample.steps)] if sample else None
    pairs: tuple[tuple[str, Node], ...] = (
        ("group", words(target.group)),
        ("stands for", code[text(endpoint.wildcard)] if endpoint.wildcard else None),
        ("sample of the wildcard", text(found_text(sample))),
        ("found", since(found_at, now) if found_at else None),
        ("by asking", steps),
        ("discovery", text(broken_line(broken)) if broken else None),
        ("needed", "required" if endpoint.required else "optional"),
        ("path", proxy_path(target, status.probe_result)),
        ("usual round trip", millis(usual) if (usual := status.quality.path.usual) else None),
        ("usual latency", millis(usual) if (usual := status.quality.whole.usual) else None),
        ("connects to", text(target.address or "")),
        ("probed", f"every {duration(target.interval)}, timeout {duration(target.timeout)}"),
        ("from", words(endpoint.source.value)),
        ("note", text(endpoint.note)),
        ("as JSON", a(href=f"{_ROOT}api/v1/targets/{quoted(target.id)}")["API"]),
    )
    return section[h2["About this target"], facts(pairs)]


def _tls(result: ProbeResult | None) -> TlsFacts | None:
    """Return the handshake of a probe: the primary connection's, else any."""
    if result is None:
        return None
    if result.primary and result.primary.tls:
        return result.primary.tls
    return next((c.tls for c in result.connections if c.tls is not None), None)

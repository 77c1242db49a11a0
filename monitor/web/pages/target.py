"""A target's page: how it stands and why, its day, and every fact of its last attempt."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.diagnosis.causes import INSPECTED_BY
from monitor.diagnosis.network_path import SENTENCES, network_path
from monitor.diagnosis.proxy_path import proxy_paths_of
from monitor.health.status import TargetStatus
from monitor.health.timeline import day_summary, slots
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
from monitor.present.json_view import no_diagnosis
from monitor.state.store import StateStore
from monitor.web.pages import charts
from monitor.web.pages.incidents import card, past_table
from monitor.web.pages.parts import (
    DAY,
    NOTHING,
    WORDS,
    clock,
    date,
    evidence,
    facts,
    lasted,
    mark,
    millis,
    percent,
    place,
    prose,
    quoted,
    since,
    state_words,
    table,
    text,
    words,
)
from monitor.web.pages.shell import closing, opening

_ROOT = "../"
_PROXY_PATHS = ("Way", "Now", "Took", "Error")
_SOON = 21 * DAY
"""A certificate that expires within so many seconds is pointed at."""


def target_page(store: StateStore, status: TargetStatus, now: float) -> Iterator[str]:
    """Write the page as of ``now`` (Unix seconds)."""
    target, state = status.target, status.health.state
    title = f"{target.id} is {WORDS[state].lower()}"
    events = f"events?target={quoted(target.id)}"
    yield opening(store, now, title=title, state=state, root=_ROOT, events=events)
    yield _summary(status, now)
    yield from _incidents(store, target.id, now)
    yield _day(status, now)
    yield from _probe_result(status.probe_result, now)
    yield _about(status, now)
    yield closing(store, now)


def proxy_path(target: Target, probe_result: ProbeResult | None) -> str:
    """Return which way a target was reached, where it is worth a word."""
    taken = network_path(target, probe_result)
    if probe_result is not None and probe_result.proxy:
        return f"through proxy {text(probe_result.proxy)}"
    return SENTENCES[taken] if taken else ""


def inspected_by(status: TargetStatus) -> str:
    """Return who opens TLS on the way; "" where nobody is known to."""
    return status.diagnosis.evidence.get(INSPECTED_BY, "") if status.diagnosis else ""


def expiry(probe_result: ProbeResult | None, now: float) -> str:
    """Return in how many days the first certificate of the chain expires."""
    tls = _tls(probe_result)
    if tls is None or not tls.chain:
        return NOTHING
    left = (tls.expires_at or 0.0) - now
    if not abs(left) < 1e5 * DAY:
        return NOTHING
    if left <= 0:
        return '<strong class="down">expired</strong>'
    days = f"{left / DAY:.0f} d"
    return f'<strong class="degraded">{days}</strong>' if left < _SOON else days


def _summary(status: TargetStatus, now: float) -> str:
    target, health = status.target, status.health
    diagnosis = status.diagnosis or no_diagnosis(target)
    state = health.state
    lasting = f" since {since(health.since, now)}" if health.since else ""
    lasting += ", flapping" if health.flapping else ""
    why = f'<p class="lead">{text(diagnosis.detail)}</p>' if diagnosis.detail else ""
    remediation = (
        f'<p class="remediation"><strong>What to do:</strong> {prose(diagnosis.remediation)}</p>'
        if diagnosis.remediation
        else ""
    )
    cause = f" · <code>{text(diagnosis.cause.value)}</code>" if diagnosis.cause else ""
    seen = evidence(diagnosis.evidence)
    telling = diagnosis.cause is not None or inspected_by(status)
    shown = f"<h2>Evidence</h2>{seen}" if seen and telling else ""
    return (
        f'<nav aria-label="Breadcrumb"><a href="{_ROOT}">All targets</a> / '
        f'<a href="{_ROOT}#g-{text(target.group)}">{words(target.group)}</a></nav>'
        f'<h1 class="headline {state.value}" id="headline" aria-live="polite">{mark(state)} '
        f"<span>{text(target.id)}: {WORDS[state].lower()}</span></h1>"
        f'<p class="meta"><code>{place(target)}</code>{lasting}{cause}</p>{why}{remediation}{shown}'
    )


def _incidents(store: StateStore, target_id: str, now: float) -> Iterator[str]:
    open_ones = [i for i in store.incidents if target_id in i.affected]
    past = [c for c in store.incident_log if c.ended_at and target_id in c.incident.affected]
    if open_ones:
        yield "<section><h2>Open incident</h2>"
        for incident in open_ones:
            yield card(incident, now, root=_ROOT, known=store.statuses.keys())
        yield "</section>"
    if past:
        yield f"<section><h2>Past incidents</h2>{past_table(past, now, root=_ROOT)}</section>"


def _day(status: TargetStatus, now: float) -> str:
    day = day_summary(status.timeline, now, width=1)
    chart = charts.latency_chart(slots(status.timeline, now))
    axis = (
        f'<p class="axis"><span>{clock(day.start)}</span>'
        f"<span>{clock(day.start + DAY / 2)}</span><span>now</span></p>"
    )
    latency = f"<h3>Latency</h3>{chart}{axis}" if chart else ""
    return (
        f"<section><h2>Last 24 h</h2><h3>State: {percent(day.uptime)} up</h3>"
        f"{charts.day_bar(day, 'large')}{axis}{latency}</section>"
    )


def _probe_result(probe_result: ProbeResult | None, now: float) -> Iterator[str]:
    if probe_result is None:
        return
    yield (
        f"<section><h2>Last attempt</h2><p>Begun {since(probe_result.started_at, now)}, "
        f"took {millis(probe_result.duration)}{_suspects(probe_result)}.</p>"
    )
    if probe_result.alternate is not None:
        yield _proxy_paths(probe_result)
    if probe_result.resolution is not None:
        yield _resolution(probe_result.resolution)
    for connection in probe_result.connections:
        yield _connection(connection)
    tls = _tls(probe_result)
    if tls is not None:
        yield _certificates(tls, now)
    yield "</section>"


def _suspects(probe_result: ProbeResult) -> str:
    late = probe_result.loop_lag
    return f"; the monitor itself was {millis(late)} late meanwhile" if late > 0.01 else ""


def _proxy_paths(probe_result: ProbeResult) -> str:
    """Compare the ways with and without a proxy, where both are tried."""
    rows = (
        f'<tr><th scope="row">{words(proxy_path.value)}</th><td>'
        f"{state_words(State.UP if tried.ok else State.DOWN)}</td><td>{millis(tried.duration)}</td>"
        f"<td>{text(tried.failure.message) if tried.failure else ''}</td></tr>"
        for proxy_path, tried in proxy_paths_of(probe_result).items()
    )
    return f"<h3>Ways</h3>{table('Through the proxy and alternate it', _PROXY_PATHS, rows)}"


def _resolution(resolution: Resolution) -> str:
    title = f"<h3>DNS: <code>{text(resolution.host)}</code></h3>"
    if not resolution.answers:
        found = ", ".join(map(text, resolution.addresses)) or "no address"
        return f"{title}<p>Taken from {words(resolution.source.value)}: <code>{found}</code></p>"
    columns = ("Name server", "Asked", "Answer", "Addresses", "Took")
    return title + table(
        "Answers by name server", columns, map(_answer, resolution.answers), "wide"
    )


def _answer(answer: DnsAnswer) -> str:
    said = answer.rcode or (answer.failure.message if answer.failure else "no answer")
    by = " over TCP" if answer.transport == "tcp" else ""
    found = "<br>".join(map(text, answer.addresses)) or NOTHING
    return (
        f'<tr><th scope="row"><code>{text(answer.server)}</code></th>'
        f"<td>{text(answer.qtype)}{by}</td><td>{text(said)}</td><td><code>{found}</code></td>"
        f"<td>{millis(answer.seconds)}</td></tr>"
    )


def _connection(connection: Connection) -> str:
    where = f"[{connection.address}]" if ":" in connection.address else connection.address
    ok = connection.failure is None
    via = f" through proxy {text(connection.proxy)}" if connection.proxy else ""
    title = (
        f"<h3>{mark(State.UP if ok else State.DOWN)} "
        f"<code>{text(where)}:{connection.port}</code>{via}</h3>"
    )
    failure = connection.failure
    said = (
        f'<p class="why">Failed in phase {words(failure.phase.value)}: {text(failure.message)}</p>'
        if failure
        else ""
    )
    return title + said + _waterfall(connection) + facts(_figures(connection))


def _waterfall(connection: Connection) -> str:
    whole = charts.whole(connection.phases)
    if not whole:
        return ""
    rows, begun = [], 0.0
    for phase, seconds in connection.phases.items():
        rows.append(
            f'<tr><th scope="row">{words(phase.value)}</th>'
            f"<td>{charts.phase_step(phase, begun, seconds, whole)}</td>"
            f"<td>{millis(seconds)}</td></tr>"
        )
        begun += charts.whole({phase: seconds})
    return table("Phases, one after the other", ("Phase", "When", "Took"), rows, "waterfall")


def _figures(connection: Connection) -> Iterator[tuple[str, str]]:
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
        yield "redirects to", f"<code>{text(http.redirect)}</code>" if http.redirect else ""


def _certificates(tls: TlsFacts, now: float) -> str:
    diagnosis = {True: "verified", False: "not verified", None: "not checked"}[tls.verified]
    error = f": {text(tls.verify_error)}" if tls.verify_error else ""
    columns = ("Certificate", "Issued by", "Valid from", "Expires")
    shown = tls.verified_chain or tls.chain
    title = "Verified chain" if tls.verified_chain else "Chain as the server sent it"
    rows = (_certificate(certificate, now) for certificate in shown)
    chain = table(f"{title}, its own first", columns, rows, "wide") if shown else ""
    others = (_certificate(certificate, now) for certificate in tls.extra)
    title = "Sent as well, and not needed for verification"
    extra = table(title, columns, others, "wide") if tls.extra else ""
    return f"<h3>Certificate: {diagnosis}{error}</h3>{chain}{extra}"


def _certificate(certificate: Certificate, now: float) -> str:
    left = certificate.not_after - now
    remains = f"in {lasted(left)}" if left > 0 else "expired"
    return (
        f'<tr><th scope="row">{text(certificate.subject)}</th><td>{text(certificate.issuer)}</td>'
        f"<td>{date(certificate.not_before)}</td>"
        f"<td>{date(certificate.not_after)} ({remains})</td></tr>"
    )


def _about(status: TargetStatus, now: float) -> str:
    target, endpoint = status.target, status.target.endpoint
    wildcard_sample = target.wildcard_sample
    found_at = wildcard_sample.found_at if wildcard_sample else None
    broken = wildcard_sample.broken if wildcard_sample else None
    pairs = (
        ("group", words(target.group)),
        ("stands for", f"<code>{text(endpoint.wildcard)}</code>" if endpoint.wildcard else ""),
        ("stand-in", text(found_text(wildcard_sample))),
        ("found", since(found_at, now) if found_at else ""),
        ("by asking", "<br>".join(map(text, wildcard_sample.steps)) if wildcard_sample else ""),
        ("discovery", text(broken_line(broken)) if broken else ""),
        ("needed", "required" if endpoint.required else "optional"),
        ("path", proxy_path(target, status.probe_result)),
        ("usual round trip", millis(usual) if (usual := status.quality.path.usual) else ""),
        ("usually takes", millis(whole) if (whole := status.quality.whole.usual) else ""),
        ("connects to", text(target.address or "")),
        ("probed", f"every {lasted(target.interval)}, for {lasted(target.timeout)} at most"),
        ("from", words(endpoint.source.value)),
        ("note", text(endpoint.note)),
        ("as JSON", f'<a href="{_ROOT}api/v1/targets/{quoted(target.id)}">API</a>'),
    )
    return f"<section><h2>About this target</h2>{facts(pairs)}</section>"


def _tls(probe_result: ProbeResult | None) -> TlsFacts | None:
    """The handshake that speaks for the attempt: the primary connection's, else any."""
    if probe_result is None:
        return None
    found = [c.tls for c in probe_result.connections if c.tls is not None]
    if probe_result.primary and probe_result.primary.tls:
        return probe_result.primary.tls
    return found[0] if found else None

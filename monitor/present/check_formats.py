"""The result of a check for other programs: Markdown, JUnit XML, CSV. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from monitor.common.csv_text import csv_text
from monitor.common.listing import NO_TARGET
from monitor.common.sanitize import sanitize
from monitor.health.status import TargetStatus
from monitor.model.incident import Incident
from monitor.model.state import State
from monitor.net.proxy.audit import ProxyAudit
from monitor.present.confidence import confidence_in_words
from monitor.present.discovery_view import discovery_lines
from monitor.present.json_view import addresses_of, no_diagnosis
from monitor.present.report import (
    NOTHING_FOUND,
    address_of,
    by_group,
    milliseconds,
    notes_of,
    summary_line,
)
from monitor.state.check_result import DiscoveryFindings, summarize

MARKS = {State.UP: "✔", State.DEGRADED: "▲", State.DOWN: "✘", State.UNKNOWN: "?"}
"""A sign per state for readers who do not see color; the word is always next to it."""

_MARKDOWN = re.compile(r"([\\`*_{}\[\]|#])")


def markdown(
    statuses: Sequence[TargetStatus],
    incidents: Iterable[Incident],
    proxies: ProxyAudit,
    findings: DiscoveryFindings = NOTHING_FOUND,
) -> str:
    """Return the check for an issue, a chat or a ticket: incidents first, then each group."""
    lines = ["# Egress check", "", summary_line(summarize(statuses)), ""]
    for incident in incidents:
        lines += [
            f"- **{_md(incident.detail)}**",
            f"  {_md(incident.remediation)}",
            f"  ({incident.cause}, {incident.scope} {_md(incident.subject)}; "
            f"affects {_md(', '.join(incident.affected) or NO_TARGET)}; "
            f"confidence: {_md(confidence_in_words(incident))})",
        ]
    diagnosis = discovery_lines(findings.chains, findings.unlisted)
    lines += [f"- {_md(line)}" for line in (*diagnosis, *notes_of(statuses, proxies))]
    for group, members in by_group(statuses, lambda r: r.target.group):
        lines += ["", f"## {_md(group)}", "", *_markdown_table(members)]
    return "\n".join(lines) + "\n"


def junit(statuses: Sequence[TargetStatus]) -> str:
    """Return the check as JUnit XML: one suite per group, one case per target. A required target
    that was not reached is a failure, or an error if it could not be probed; others are skipped
    then, so that a pipeline fails exactly when the command does."""
    suites = Element("testsuites", name="egress-monitor check")
    for group, members in by_group(statuses, lambda r: r.target.group):
        suite = SubElement(suites, "testsuite", name=_xml(group))
        for status in members:
            _case(suite, status)
        suite.set("tests", str(len(members)))
        for name in ("failure", "error", "skipped"):
            plural = {"failure": "failures", "error": "errors"}.get(name, name)
            suite.set(plural, str(len(suite.findall(f"testcase/{name}"))))
    indent(suites)
    return tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def csv(statuses: Sequence[TargetStatus]) -> str:
    """Return the check as a table with one line per target."""
    return csv_text([_COLUMNS, *map(_cells, statuses)])


_COLUMNS = (
    "id", "group", "host", "port", "protocol", "required", "state", "cause", "detail",
    "remediation",
    "addresses", "seconds", "rtt_seconds",
)  # fmt: skip


def _cells(status: TargetStatus) -> tuple[str, ...]:
    target, probe_result = status.target, status.probe_result
    diagnosis = status.diagnosis or no_diagnosis(target)
    primary = probe_result.primary if probe_result else None
    return (
        target.id,
        target.group,
        target.host,
        str(target.port),
        target.endpoint.protocol.value,
        "yes" if target.endpoint.required else "no",
        status.state.value,
        diagnosis.cause.value if diagnosis.cause else "",
        diagnosis.detail,
        diagnosis.remediation,
        " ".join(addresses_of(probe_result)),
        f"{probe_result.duration:.6f}" if probe_result else "",
        f"{primary.rtt:.6f}" if primary and primary.rtt is not None else "",
    )


def _markdown_table(members: Iterable[TargetStatus]) -> Iterable[str]:
    yield "| state | target | endpoint | time | why | what to do |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for status in members:
        diagnosis = status.diagnosis or no_diagnosis(status.target)
        cause = f"{diagnosis.cause}: " if diagnosis.cause else ""
        cells = (
            f"{MARKS[status.state]} {status.state}",
            status.target.id,
            address_of(status.target),
            milliseconds(status.probe_result.duration if status.probe_result else None),
            f"{cause}{diagnosis.detail}",
            diagnosis.remediation,
        )
        yield f"| {' | '.join(map(_md, cells))} |"


def _md(text: str) -> str:
    """Escape characters that Markdown or HTML would interpret."""
    return _MARKDOWN.sub(r"\\\1", html.escape(sanitize(text, replacement=" "), quote=False))


def _case(suite: Element, status: TargetStatus) -> None:
    target = status.target
    case = SubElement(suite, "testcase", name=_xml(target.id), classname=_xml(target.group))
    if status.probe_result:
        case.set("time", f"{status.probe_result.duration:.3f}")
    if status.state is State.UP:
        return
    diagnosis = status.diagnosis or no_diagnosis(target)
    where = f"{address_of(target)}\n{diagnosis.remediation}"
    if status.state is State.DEGRADED:
        SubElement(case, "system-out").text = _xml(f"degraded: {diagnosis.detail}\n{where}")
        return
    outcome = "error" if status.state is State.UNKNOWN else "failure"
    told = SubElement(case, outcome if target.endpoint.required else "skipped")
    told.set("message", _xml(diagnosis.detail))
    if target.endpoint.required:
        told.set("type", diagnosis.cause.value if diagnosis.cause else "unknown")
        told.text = _xml(where)


def _xml(text: str) -> str:
    """Remove characters that XML 1.0 cannot contain (section 2.2), including lone surrogates."""
    return "\n".join(map(sanitize, text.split("\n")))

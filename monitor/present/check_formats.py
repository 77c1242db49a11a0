"""The result of a check for other programs: Markdown, JUnit XML, CSV. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from monitor.common.csv_text import csv_text
from monitor.common.sanitize import sanitize
from monitor.health.status import TargetStatus
from monitor.model.incident import Incident
from monitor.model.state import State
from monitor.net.proxy.audit import ProxyAudit
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
"""A sign a state, for who sees no colour. The word stands beside it, always."""

_MARKDOWN = re.compile(r"([\\`*_{}\[\]|#])")


def markdown(
    statuses: Sequence[TargetStatus],
    incidents: Iterable[Incident],
    proxies: ProxyAudit,
    findings: DiscoveryFindings = NOTHING_FOUND,
) -> str:
    """Write the check for an issue, a chat or a ticket: incidents first, then each group."""
    lines = ["# Egress check", "", summary_line(summarize(statuses)), ""]
    for incident in incidents:
        lines += [
            f"- **{_md(incident.detail)}**",
            f"  {_md(incident.remediation)}",
            f"  ({incident.cause}, {incident.scope} {_md(incident.subject)}; "
            f"affects {_md(', '.join(incident.affected))})",
        ]
    said = discovery_lines(findings.chains, findings.unlisted)
    lines += [f"- {_md(line)}" for line in (*said, *notes_of(statuses, proxies))]
    for group, members in by_group(statuses, lambda r: r.target.group):
        lines += ["", f"## {_md(group)}", "", *_markdown_table(members)]
    return "\n".join(lines) + "\n"


def junit(statuses: Sequence[TargetStatus]) -> str:
    """Write the check as JUnit XML: a suite a group, a case a target. What is required and was
    not reached is a failure, or an error where nobody could probe it; what is not required
    is skipped then, so that a pipeline fails when the command does."""
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
    """Write the check as a table of one line a target."""
    return csv_text([_COLUMNS, *map(_cells, statuses)])


_COLUMNS = (
    "id", "group", "host", "port", "protocol", "required", "state", "cause", "detail",
    "remediation",
    "addresses", "seconds", "rtt_seconds",
)  # fmt: skip


def _cells(status: TargetStatus) -> tuple[str, ...]:
    target, probe_result = status.target, status.probe_result
    said = status.diagnosis or no_diagnosis(target)
    primary = probe_result.primary if probe_result else None
    return (
        target.id,
        target.group,
        target.host,
        str(target.port),
        target.endpoint.protocol.value,
        "yes" if target.endpoint.required else "no",
        status.state.value,
        said.cause.value if said.cause else "",
        said.detail,
        said.remediation,
        " ".join(addresses_of(probe_result)),
        f"{probe_result.duration:.6f}" if probe_result else "",
        f"{primary.rtt:.6f}" if primary and primary.rtt is not None else "",
    )


def _markdown_table(members: Iterable[TargetStatus]) -> Iterable[str]:
    yield "| state | target | endpoint | time | why | what to do |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for status in members:
        said = status.diagnosis or no_diagnosis(status.target)
        cause = f"{said.cause}: " if said.cause else ""
        cells = (
            f"{MARKS[status.state]} {status.state}",
            status.target.id,
            address_of(status.target),
            milliseconds(status.probe_result.duration if status.probe_result else None),
            f"{cause}{said.detail}",
            said.remediation,
        )
        yield f"| {' | '.join(map(_md, cells))} |"


def _md(text: str) -> str:
    """Take the meaning from what Markdown and HTML would read as theirs."""
    return _MARKDOWN.sub(r"\\\1", html.escape(sanitize(text, replacement=" "), quote=False))


def _case(suite: Element, status: TargetStatus) -> None:
    target = status.target
    case = SubElement(suite, "testcase", name=_xml(target.id), classname=_xml(target.group))
    if status.probe_result:
        case.set("time", f"{status.probe_result.duration:.3f}")
    if status.state is State.UP:
        return
    said = status.diagnosis or no_diagnosis(target)
    where = f"{address_of(target)}\n{said.remediation}"
    if status.state is State.DEGRADED:
        SubElement(case, "system-out").text = _xml(f"degraded: {said.detail}\n{where}")
        return
    outcome = "error" if status.state is State.UNKNOWN else "failure"
    told = SubElement(case, outcome if target.endpoint.required else "skipped")
    told.set("message", _xml(said.detail))
    if target.endpoint.required:
        told.set("type", said.cause.value if said.cause else "unknown")
        told.text = _xml(where)


def _xml(text: str) -> str:
    """Take out what XML 1.0 can't hold (section 2.2), lone surrogates among it."""
    return "\n".join(map(sanitize, text.split("\n")))

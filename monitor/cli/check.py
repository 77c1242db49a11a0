"""``egress-monitor check``: one probe of every endpoint, with the diagnosis of what fails."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass

import structlog

from monitor.catalog import build_targets
from monitor.catalog.regions import misspelled
from monitor.cli import one_shot_discovery as discovery
from monitor.cli.ad_hoc import GROUP as NAMED
from monitor.cli.ad_hoc import ad_hoc_targets
from monitor.cli.extras import has, require
from monitor.cli.one_shot import OnResult, check_all, explained, incidents_of
from monitor.cli.options import Options
from monitor.cli.output import height_of, print_lines, print_warning, width_of
from monitor.cli.selection import select, switched_on
from monitor.daemon.identity import discover, from_environment, merge
from monitor.daemon.logging import redact
from monitor.health.redundancy import covered_by_redundancy
from monitor.health.status import TargetStatus
from monitor.model.identity import Identity
from monitor.model.incident import Incident
from monitor.model.settings import ConfigError, Problem, Settings
from monitor.model.target import Target
from monitor.net.proxy.audit import ProxyAudit, audit_proxies
from monitor.present.check_text import CheckReport, check_lines
from monitor.present.discovery_view import discovery_lines
from monitor.present.formats import Format
from monitor.present.impact import impact
from monitor.present.report import NOTHING_FOUND, check_document, encode, notes_of
from monitor.scheduler.egress_address import check_egress_addresses
from monitor.scheduler.engine import Engine, make_probe_context
from monitor.scheduler.loop_lag import LagMeter
from monitor.state.check_result import DiscoveryFindings, redundant_groups_of, summarize
from monitor.state.egress_address import EgressPath, egress_lines


@dataclass(frozen=True, slots=True)
class _Checked:
    """The result of a check."""

    identity: Identity
    statuses: tuple[TargetStatus, ...]
    incidents: tuple[Incident, ...]
    findings: DiscoveryFindings = NOTHING_FOUND
    egress_paths: tuple[EgressPath, ...] = ()


def main(options: Options) -> int:
    """Print how every target stands; return 0 if all required ones were reached, else 1.

    Raises:
        ConfigError: if the configuration or ``--only`` is wrong.
    """
    settings = options.settings()
    print_warning(misspelled(settings.region))
    _log_to_standard_error()
    if options.watch:
        checked = _watch(settings, options)
    else:
        checked = asyncio.run(_measure(settings, options))
    statuses = checked.statuses
    if options.firewall is None:
        proxies = audit_proxies(settings.proxy, options.environ)
        _print(checked, proxies, options)
    else:
        from monitor.present.firewall_request import blocked, write  # noqa: PLC0415 - for this option only

        print(write(blocked(statuses), options.firewall, checked.identity), end="")
    return 0 if summarize(statuses).ok else 1


def _print(checked: _Checked, proxies: ProxyAudit, options: Options) -> None:
    form = options.format
    statuses, incidents, findings = checked.statuses, checked.incidents, checked.findings
    if form is Format.JSON:
        document = check_document(statuses, incidents, proxies, findings, checked.egress_paths)
        print(encode(document))
    elif form is Format.TEXT:
        report = _report(checked, proxies)
        lines = check_lines(
            report,
            width_of(sys.stdout),
            height=height_of(sys.stdout),
            everything=options.everything,
            quiet=options.quiet,
        )
        print_lines(lines, sys.stdout)
    else:
        from monitor.present import check_formats  # noqa: PLC0415 - for these formats only

        written = {
            # Markdown is readable as text, too: for installations without the extra.
            Format.TEXT: lambda: check_formats.markdown(statuses, incidents, proxies, findings),
            Format.MARKDOWN: lambda: check_formats.markdown(statuses, incidents, proxies, findings),
            Format.JUNIT: lambda: check_formats.junit(statuses),
            Format.CSV: lambda: check_formats.csv(statuses),
        }[form]()
        print(written, end="")


def _report(checked: _Checked, proxies: ProxyAudit) -> CheckReport:
    """Return what the text shows. Failures of discovery are folded if there are incidents, which
    explain them."""
    statuses, found = checked.statuses, checked.findings
    discovery_notes = discovery_lines(found.chains, found.unlisted)
    notes = (*notes_of(statuses, proxies), *egress_lines(checked.egress_paths))
    explained_already = bool(checked.incidents)
    failing = [(status.target, status.state) for status in statuses if status.failing]
    covered = covered_by_redundancy(redundant_groups_of(statuses))
    named = any(status.target.group == NAMED for status in statuses)
    return CheckReport(
        statuses,
        checked.incidents,
        impact="" if named else impact(failing, [status.target for status in statuses], covered),
        notes=notes if explained_already else (*discovery_notes, *notes),
        folded_notes=discovery_notes if explained_already else (),
    )


def _log_to_standard_error() -> None:
    """Keep standard output for the report: log warnings and errors to standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            redact,
            structlog.processors.KeyValueRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


async def _identity(settings: Settings, options: Options) -> Identity:
    found = await discover(settings, options.environ)
    return merge(from_environment(settings, options.environ), found)


async def _measure(settings: Settings, options: Options) -> _Checked:
    lag = LagMeter()
    heartbeat = asyncio.create_task(lag.run())
    try:
        context = make_probe_context(settings, options.environ)
        return await _measure_by(Engine(context, settings.schedule, lag=lag), settings, options)
    finally:
        heartbeat.cancel()


async def _measure_by(engine: Engine, settings: Settings, options: Options) -> _Checked:
    identity = await _identity(settings, options)
    if options.destinations:
        return await _measure_named(settings, options, engine)

    def chosen(targets: Sequence[Target]) -> tuple[Target, ...]:
        return switched_on(select(targets, options.only), options.only)

    with _progress() as on_result:
        statuses, findings = await discovery.check(settings, identity, engine, chosen, on_result)
    async with asyncio.TaskGroup() as group:
        work = group.create_task(explained(statuses, time.time(), engine.follow_up))
        addresses = group.create_task(_egress_paths(engine, settings, statuses))
    return _Checked(identity, statuses, work.result(), findings, addresses.result())


async def _egress_paths(
    engine: Engine, settings: Settings, statuses: Sequence[TargetStatus]
) -> tuple[EgressPath, ...]:
    """Return the ways out with their public addresses; none without ``[egress_address]``."""
    wanted = settings.egress_address
    if wanted is None:
        return ()
    timeout = settings.schedule.timeout
    answers = await check_egress_addresses(engine, wanted, timeout, statuses)
    return tuple(
        EgressPath(path).taken_in(answer, time.time(), wanted.interval)[0]
        for path, answer in answers.items()
    )


async def _measure_named(settings: Settings, options: Options, engine: Engine) -> _Checked:
    """Check the destinations of the command line instead of the configured endpoints."""
    targets = ad_hoc_targets(options.destinations, settings)
    with _progress() as on_result:
        statuses = await check_all(targets, engine.measure, on_result)
    incidents = await explained(statuses, time.time(), engine.follow_up)
    return _Checked(Identity(), statuses, incidents)


def _watch(settings: Settings, options: Options) -> _Checked:
    """Show the state of every target until the user interrupts: SIGINT.

    Raises:
        ConfigError: if standard output is not a terminal.
    """
    if not sys.stdout.isatty():
        remediation = "run it on a terminal, or leave --watch out"
        raise ConfigError(
            (Problem("arguments", "--watch", "standard output is not a terminal", remediation),)
        )
    require("rich", "cli", "check --watch")
    from monitor.cli.watch_view import statuses_of, watch  # noqa: PLC0415 - costs rich
    from monitor.present.terminal import console_for  # noqa: PLC0415
    from monitor.state.store import StateStore  # noqa: PLC0415

    store = StateStore()

    async def until_interrupted() -> None:
        identity = await _identity(settings, options)
        engine = Engine(make_probe_context(settings, options.environ), settings.schedule)
        servers, found = engine.probe_context.resolver.servers, discovery.known(settings)
        everything = build_targets(settings, identity, servers, found=found)
        targets = switched_on(select(everything, options.only), options.only)
        await watch(targets, engine, console_for(sys.stdout), store)

    with suppress(KeyboardInterrupt):
        asyncio.run(until_interrupted())
    statuses = statuses_of(store)
    return _Checked(Identity(), statuses, incidents_of(statuses, time.time()))


def _progress() -> AbstractContextManager[OnResult]:
    """Show a bar on a terminal: on standard error, so that the report can be piped."""
    if not sys.stderr.isatty() or not has("rich"):
        return nullcontext(lambda _: None)
    from monitor.present.terminal import progress  # noqa: PLC0415 - costs rich

    return progress(sys.stderr)

"""``egress-monitor check``: probe everything once and say what is not reached, and why."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress

from monitor.catalog import build_targets
from monitor.check import OnResult, Result, check_all, explained, incidents_of, summarize
from monitor.commands import Options
from monitor.commands.selection import select, switched_on
from monitor.config import load_settings
from monitor.engine import Engine, make_tools
from monitor.formats import Format
from monitor.identity import discover, from_environment, merge
from monitor.model import Identity, Incident, Target
from monitor.net.proxy_audit import ProxyAudit, audit_proxies
from monitor.report import check_document, encode
from monitor.settings import ConfigError, Problem, Settings


def main(options: Options) -> int:
    """Print how every target stands; return 0 if all required ones were reached, else 1.

    Raises:
        ConfigError: if the configuration or ``--only`` is wrong.
    """
    settings = load_settings(options.config, options.environ)
    if options.watch:
        identity, results = Identity(), _watch(settings, options)
        incidents = incidents_of(results, time.time())
    else:
        identity, results, incidents = asyncio.run(_measure(settings, options))
    if options.firewall is None:
        proxies = audit_proxies(settings.proxy, options.environ)
        _print(results, incidents, proxies, options.format)
    else:
        from monitor.firewall import blocked, write  # noqa: PLC0415 - for this option only

        print(write(blocked(results), options.firewall, identity), end="")
    return 0 if summarize(results).ok else 1


def _print(
    results: Sequence[Result], incidents: Sequence[Incident], proxies: ProxyAudit, form: Format
) -> None:
    if form is Format.JSON:
        print(encode(check_document(results, incidents, proxies)))
    elif form is Format.TEXT:
        from monitor.terminal import console_for, print_check  # noqa: PLC0415 - costs rich

        print_check(console_for(sys.stdout), results, incidents, proxies)
    else:
        from monitor import check_formats  # noqa: PLC0415 - for these formats only

        written = {
            Format.MARKDOWN: lambda: check_formats.markdown(results, incidents, proxies),
            Format.JUNIT: lambda: check_formats.junit(results),
            Format.CSV: lambda: check_formats.csv(results),
        }[form]()
        print(written, end="")


async def _identity(settings: Settings, options: Options) -> Identity:
    found = await discover(settings, options.environ)
    return merge(from_environment(settings, options.environ), found)


def _prepared(
    settings: Settings, options: Options, identity: Identity
) -> tuple[Engine, tuple[Target, ...]]:
    """Resolve the catalogue, as far as this place tells what it is."""
    engine = Engine(make_tools(settings, options.environ), settings.schedule)
    everything = build_targets(settings, identity, engine.tools.resolver.servers)
    return engine, switched_on(select(everything, options.only), options.only)


async def _measure(
    settings: Settings, options: Options
) -> tuple[Identity, tuple[Result, ...], tuple[Incident, ...]]:
    identity = await _identity(settings, options)
    engine, targets = _prepared(settings, options, identity)
    with _progress(targets) as on_result:
        results = await check_all(targets, engine.measure, on_result)
    return identity, results, await explained(results, time.time(), engine.look)


def _watch(settings: Settings, options: Options) -> tuple[Result, ...]:
    """Show how every target stands until the user has seen enough: SIGINT.

    Raises:
        ConfigError: if there is no terminal to show it on.
    """
    if not sys.stdout.isatty():
        cure = "run it on a terminal, or leave --watch out"
        raise ConfigError(
            (Problem("arguments", "--watch", "standard output is no terminal", cure),)
        )
    from monitor.live import results_of, watch  # noqa: PLC0415 - costs rich
    from monitor.state import Board  # noqa: PLC0415
    from monitor.terminal import console_for  # noqa: PLC0415

    board = Board()

    async def until_interrupted() -> None:
        engine, targets = _prepared(settings, options, await _identity(settings, options))
        await watch(targets, engine, console_for(sys.stdout), board)

    with suppress(KeyboardInterrupt):
        asyncio.run(until_interrupted())
    return results_of(board)


def _progress(targets: tuple[Target, ...]) -> AbstractContextManager[OnResult]:
    """Show a bar on a terminal: on standard error, so that the report can be piped."""
    if not sys.stderr.isatty():
        return nullcontext(lambda _: None)
    from monitor.terminal import progress  # noqa: PLC0415 - costs rich

    return progress(sys.stderr, len(targets))

"""``egress-monitor check``: probe everything once and say what is not reached, and why."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AbstractContextManager, nullcontext

from monitor.catalog import build_targets
from monitor.check import OnResult, Result, check_all, incidents_of, summarize
from monitor.commands import Format, Options
from monitor.commands.selection import select, switched_on
from monitor.config import load_settings
from monitor.engine import Engine, make_tools
from monitor.identity import discover, from_environment, merge
from monitor.model import Target
from monitor.report import check_document, encode
from monitor.settings import Settings


def main(options: Options) -> int:
    """Print how every target stands; return 0 if all required ones were reached, else 1.

    Raises:
        ConfigError: if the configuration or ``--only`` is wrong.
    """
    settings = load_settings(options.config, options.environ)
    results = asyncio.run(_measure(settings, options))
    incidents = incidents_of(results, time.time())
    if options.format is Format.JSON:
        print(encode(check_document(results, incidents)))
    else:
        from monitor.terminal import console_for, print_check  # noqa: PLC0415 - costs rich

        print_check(console_for(sys.stdout), results, incidents)
    return 0 if summarize(results).ok else 1


async def _measure(settings: Settings, options: Options) -> tuple[Result, ...]:
    """Resolve the catalogue, as far as this place tells what it is, and measure it."""
    found = await discover(settings, options.environ)
    identity = merge(from_environment(settings, options.environ), found)
    engine = Engine(make_tools(settings, options.environ), settings.schedule)
    everything = build_targets(settings, identity, engine.tools.resolver.servers)
    targets = switched_on(select(everything, options.only), options.only)
    with _progress(targets) as on_result:
        return await check_all(targets, engine.measure, on_result)


def _progress(targets: tuple[Target, ...]) -> AbstractContextManager[OnResult]:
    """Show a bar on a terminal: on standard error, so that the report can be piped."""
    if not sys.stderr.isatty():
        return nullcontext(lambda _: None)
    from monitor.terminal import progress  # noqa: PLC0415 - costs rich

    return progress(sys.stderr, len(targets))

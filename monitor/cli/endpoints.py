"""``egress-monitor endpoints``: the resolved catalogue, what is switched off included."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator, Sequence
from random import SystemRandom

from monitor.catalog import build_targets
from monitor.catalog.regions import misspelled
from monitor.cli.extras import has
from monitor.cli.one_shot_discovery import known
from monitor.cli.options import Options
from monitor.cli.output import print_warning, width_of
from monitor.cli.selection import select
from monitor.daemon.identity import discover
from monitor.model.target import Target
from monitor.net.clock import SystemClock
from monitor.net.dns.resolver import DnsResolver
from monitor.present.endpoints_text import TABLE_FITS, endpoint_lines
from monitor.present.formats import Format
from monitor.present.report import encode, endpoints_document, unknown_lines
from monitor.present.traffic import traffic_json, traffic_lines, traffic_of


def main(options: Options) -> int:
    """Print every endpoint of the profile and return 0.

    Raises:
        ConfigError: if the configuration or ``--only`` is wrong.
    """
    settings = options.settings()
    print_warning(misspelled(settings.region))
    identity = asyncio.run(discover(settings, options.environ))
    resolver = DnsResolver.from_settings(settings.dns, SystemClock(), SystemRandom())
    targets = build_targets(
        settings, identity, resolver.servers, include_disabled=True, found=known(settings)
    )
    chosen = select(targets, options.only)
    if options.cost is not None:
        traffic = traffic_of(chosen, settings.schedule)
        if options.format is Format.JSON:
            print(encode(traffic_json(traffic, options.cost)))
        else:
            print("\n".join(traffic_lines(traffic, options.cost)))
        return 0
    if options.firewall is None and options.format is Format.JSON:
        print(encode(endpoints_document(settings, chosen)))
        return 0
    if options.firewall is not None:
        from monitor.present.firewall_request import everything, write  # noqa: PLC0415 - for this option only

        enabled = [target for target in chosen if target.endpoint.enabled]
        print(write(everything(enabled), options.firewall, identity), end="")
        for line in unknown_lines(enabled):
            print(line, file=sys.stderr)
        return 0
    _print_list(chosen)
    return 0


def _print_list(chosen: Sequence[Target]) -> None:
    """Print a list on a terminal that is too narrow for the table, the table elsewhere."""
    if sys.stdout.isatty() and (width := width_of(sys.stdout)) < TABLE_FITS:
        print("\n".join(endpoint_lines(chosen, width)))
        return
    if not has("rich"):
        print("\n".join(_plain_lines(chosen)))
        return
    from monitor.present.terminal import (  # noqa: PLC0415 - costs rich
        WHOLE_LINES,
        console_for,
        print_endpoints,
    )

    print_endpoints(console_for(sys.stdout, WHOLE_LINES), chosen)


def _plain_lines(targets: Iterable[Target]) -> Iterator[str]:
    """Yield one line per target, for installations without the extra ``cli``."""
    for target in targets:
        state = "" if target.endpoint.enabled else "  (disabled)"
        address = f"{target.host}:{target.port}" if target.port else target.host
        yield f"{target.group:24} {target.id:36} {target.endpoint.protocol:8} {address}{state}"

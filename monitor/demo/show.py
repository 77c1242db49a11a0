"""The demonstration: starts the small internet and the monitor, breaks things, and narrates."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from monitor.catalog import build_targets
from monitor.config import load_settings
from monitor.daemon.app import Monitor
from monitor.daemon.log_writer import LogWriter
from monitor.daemon.logging import configure
from monitor.demo.faults import FAULTS, Fault
from monitor.demo.internet import METADATA, NAME_SERVER, Internet, small_internet
from monitor.model.identity import Identity
from monitor.model.settings import ConfigError, LogSettings, Problem, Settings
from monitor.model.state import State
from monitor.model.target import Target
from monitor.state.events import Event, EventKind, Fact
from monitor.web.server import build_app, not_listening, serve

HOST = "127.0.0.1"
INTERVAL = 2.0
BROKEN = 0.6
"""Fraction of the time from one fault to the next for which a fault lasts: 0.6."""

FIRST_AFTER = 2.0
"""Seconds for which everything works before the first fault."""

IDENTITY = Identity(region="eu-central-1", account_id="123456789012")
_OWN = 'scm = ["github.example.com"]\nsso = ["example.okta.com"]\n'


async def demonstrate(console: Console, port: int, every: float) -> None:
    """Serve the page on ``port`` and cause a fault every ``every`` seconds, until cancelled.

    Raises:
        ConfigError: if the port is in use.
    """
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    configure(LogSettings(level="error"), LogWriter(1))
    with TemporaryDirectory(prefix="egress-monitor-demo-") as name:
        folder = Path(name)
        async with small_internet(catalogue(folder), folder) as internet:
            settings = configuration(internet, folder, port, f"{INTERVAL:g}s")
            await _show(settings, internet, Narrator(console, every))


def catalogue(folder: Path) -> tuple[Target, ...]:
    """Return every named endpoint that a standard runner needs."""
    path = folder / "config.toml"
    path.write_text(f"{_OWN}[dns]\nprobe_servers = false\n")
    targets = build_targets(load_settings(path, {}), IDENTITY)
    return tuple(target for target in targets if target.endpoint.prober != "imds")


def configuration(internet: Internet, folder: Path, port: int, interval: str) -> Settings:
    """Return a configuration that probes the small internet and nothing else."""
    path = folder / "config.toml"
    redirects = "\n".join(
        f"[targets.{json.dumps(target.id)}]\nconnect_port = {internet.port_of(target)}"
        for target in catalogue(folder)
    )
    path.write_text(
        f"""{_OWN}
runner_id = "demo"
address_family = "ipv4"
[schedule]
interval = "{interval}"
timeout = "1800ms"
max_connections_per_second = 200
[dns]
servers = ["{NAME_SERVER}:{internet.dns_port}"]
timeout = "900ms"
attempts = 1
use_hosts_file = false
[discovery]
enabled = false
audit_redirects = false
[tls]
ca_file = {json.dumps(str(internet.ca_file))}
system_store = false
[proxy]
mode = "none"
[web]
listen = "{HOST}:{port}"
[metadata]
endpoint = "http://{METADATA}:{internet.metadata_port}"
{redirects}
"""
    )
    return load_settings(path, {})


async def _show(settings: Settings, internet: Internet, narrator: Narrator) -> None:
    """Cause one fault after the other until cancelled, and print each event of the one monitor as
    it comes. From the second round on, targets come and go often enough to flap."""
    monitor = Monitor(settings, {})
    try:
        serving = serve(build_app(monitor.store, monitor.clock, settings.web), settings.web)
        async with serving, asyncio.TaskGroup() as group:
            group.create_task(monitor.run(asyncio.Event(), asyncio.Event()))
            narrator.begin(len(FAULTS), settings.web.port)
            await _all_up(monitor)
            narrator.well(len(monitor.store.statuses))
            monitor.events.subscribe(narrator.take_in)
            await asyncio.sleep(FIRST_AFTER)
            for fault in cycle(FAULTS):
                await _have(fault, internet, narrator)
    except OSError as error:
        what = not_listening(settings.web, error)
        remediation = (
            "choose another port, such as --port 9243, or stop the program that uses this one"
        )
        raise ConfigError((Problem("demo", "--port", what, remediation),)) from None


async def _all_up(monitor: Monitor) -> None:
    statuses = monitor.store.statuses
    while not statuses or any(r.health.state is not State.UP for r in statuses.values()):
        await asyncio.sleep(0.1)
        statuses = monitor.store.statuses


async def _have(fault: Fault, internet: Internet, narrator: Narrator) -> None:
    narrator.breaks(fault)
    await fault.act(internet, True)
    await asyncio.sleep(narrator.every * BROKEN)
    narrator.mends()
    await fault.act(internet, False)
    await asyncio.sleep(narrator.every * (1 - BROKEN))


class Narrator:
    """Prints each fault and the diagnosis of the monitor."""

    def __init__(self, console: Console, every: float) -> None:
        self.every = every
        self._console = console
        self._began = time.monotonic()

    def begin(self, faults: int, port: int) -> None:
        """Print the introduction."""
        self._console.print(
            "\n[bold]Egress Monitor, demonstration.[/] Everything that a runner needs, on this"
            " machine's loopback:\nname server, sites, lighthouses, instance metadata; and the"
            f" monitor that probes them every {INTERVAL:g} s.\n{faults} things break, one each"
            f" {self.every:g} s. Nothing leaves this machine.\n\n"
            f"    [bold]http://{HOST}:{port}/[/]    open this; Ctrl-C ends it\n"
        )

    def well(self, targets: int) -> None:
        """Print that everything works."""
        self._say("says", "green", f"all {targets} targets are up")

    def breaks(self, fault: Fault) -> None:
        """Print the fault that starts."""
        self._say("break", "magenta", fault.story)

    def mends(self) -> None:
        """Print that the fault ended."""
        self._say("mend", "magenta", "It works again.")

    def take_in(self, event: Event) -> None:
        """Print an event about an incident."""
        facts = event.facts
        match event.kind:
            case EventKind.INCIDENT_OPENED:
                self._tell("opens", facts)
            case EventKind.INCIDENT_CHANGED:
                self._tell("more", facts)
            case EventKind.INCIDENT_CLOSED:
                self._say("over", "green", f"{facts['scope']}, after {facts['seconds']} s")

    def _tell(self, what: str, facts: Mapping[str, Fact]) -> None:
        count = facts["affected"]
        self._say(what, "bold red", str(facts["detail"]))
        where = f"{facts['cause']}, {facts['scope']} {facts['subject']}"
        self._more(f"{where}; affects {count} target{'s' if count != 1 else ''}")
        self._more(f"Confidence: {facts['confidence']}")
        self._more(f"What to do: {facts['remediation']}")

    def _say(self, who: str, style: str, text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        row = Table.grid(padding=(0, 2))
        row.add_row(Text(f"{minutes:02}:{seconds:02}", "dim"), Text(f"{who:<5}", style), Text(text))
        self._console.print(row)

    def _more(self, text: str) -> None:
        self._console.print(Padding(Text(text), (0, 0, 0, 14)))

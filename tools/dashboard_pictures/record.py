"""A recording for the pictures: three real monitors with faults, scraped by a real Prometheus."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from monitor.model.endpoint import Protocol
from tests.internet.ca import Authority
from tests.internet.mosquitto import mosquitto
from tests.internet.nginx import Site, nginx_command
from tests.internet.process import accepts, free_port, program, running, stop
from tests.internet.prometheus import prometheus
from tests.internet.whole import Internet, sites, whole_internet
from tests.test_small_internet import environment

INTERVAL = 10
"""Seconds between probes and between scrapes: fewer than by default, for more points."""
MONITORS = ("runner-a", "runner-b", "runner-c")
EXTRA = """runner_id = "{name}"
[discovery]
allow_private = true
[mqtt]
url = "mqtt://127.0.0.1:{broker}"
[[remote_write]]
name = "central"
url = "{receiver}/api/v1/write"
protocol = "1.0"
timeout = "5s"
"""

Action = Callable[[], None]


@dataclass(frozen=True)
class Step:
    """One change of the small internet, ``at`` a share of the recording from 0 to 1."""

    at: float
    name: str
    do: Action


class Breakable:
    """The servers of one monitor, which can be ended, started again and slowed down."""

    def __init__(self, internet: Internet, stack: ExitStack) -> None:
        self._internet = internet
        self._stack = stack
        self._running = {
            "lighthouses": internet.nebula,
            "name server": internet.unbound.process,
            "web servers": internet.nginx,
        }

    def end(self, name: str) -> Action:
        """Return an action that ends a server."""
        return lambda: stop(self._running[name])

    def start(self, name: str) -> Action:
        """Return an action that starts a server again after ``end``."""

        def again() -> None:
            command = [str(part) for part in self._running[name].args]  # type: ignore[union-attr]
            log = self._internet.folder / f"{name.replace(' ', '-')}-again.log"
            self._running[name] = self._stack.enter_context(running(command, log))

        return again

    def intercept(self, groups: Sequence[str]) -> Action:
        """Return an action that has another authority's certificate sent for some groups."""
        targets, folder = self._internet.targets, self._internet.folder
        port = self._internet.ports[Protocol.HTTPS]
        chosen = {t.host for t in targets if t.endpoint.group in groups}
        other = Authority(folder, "Corporate Proxy CA", "Example Corp")
        theirs = other.issue(*sorted(chosen))
        ours = self._internet.authority.issue(*sorted({t.host for t in targets} - chosen))

        def reload() -> None:
            web = sites([t for t in targets if t.host in chosen], port, theirs)
            web += sites([t for t in targets if t.host not in chosen], port, ours)
            web.append(Site(("tcp.test",), self._internet.ports[Protocol.TCP]))
            nginx_command(folder / "nginx", web)  # writes the configuration
            self._running["web servers"].send_signal(signal.SIGHUP)

        return reload


def _pause(process: Popen[bytes], sign: signal.Signals) -> Action:
    return lambda: process.send_signal(sign)


def script(a: Breakable, b: Breakable, c: Breakable, receiver: Popen[bytes]) -> list[Step]:
    """Return the faults of the recording, in order of time. Those of runner-a at the end remain,
    so that incidents are open in the pictures."""
    return sorted(
        [
            Step(0.15, "the lighthouses of runner-a end", a.end("lighthouses")),
            Step(0.25, "they are back", a.start("lighthouses")),
            Step(0.30, "the web servers of runner-b end", b.end("web servers")),
            Step(0.45, "they are back", b.start("web servers")),
            Step(0.35, "the receiver of remote write hangs", _pause(receiver, signal.SIGSTOP)),
            Step(0.55, "it responds again", _pause(receiver, signal.SIGCONT)),
            Step(0.50, "the name server of runner-a ends", a.end("name server")),
            Step(0.60, "it is back", a.start("name server")),
            Step(0.65, "the lighthouses of runner-c end", c.end("lighthouses")),
            Step(0.70, "they are back", c.start("lighthouses")),
            Step(
                0.75,
                "a proxy intercepts TLS to the registries at runner-a",
                a.intercept(["container_registries"]),
            ),
            Step(0.80, "the lighthouses of runner-b end", b.end("lighthouses")),
            Step(0.90, "the lighthouses of runner-a end", a.end("lighthouses")),
        ],
        key=lambda step: step.at,
    )


def record(folder: Path, minutes: float) -> None:
    """Run monitors, faults and a scraper for some minutes; the series are then below ``folder``,
    and range.json has the first and last second, and the seconds between scrapes."""
    with ExitStack() as stack:
        broker = free_port()
        (folder / "broker").mkdir(parents=True)
        stack.enter_context(mosquitto(folder / "broker", broker))
        receiver = stack.enter_context(prometheus(folder / "receiver", {}, receiver=True))
        where, broken = {}, []
        for name in MONITORS:
            extra = EXTRA.format(name=name, broker=broker, receiver=receiver.url)
            internet, address = stack.enter_context(_monitor(folder / name, extra))
            where[name] = address
            broken.append(Breakable(internet, stack))
        stack.enter_context(_scraper(folder, where))
        began = time.time()
        first, second, third = broken
        _play(script(first, second, third, receiver.process), minutes * 60)
        ended = int(time.time())
    span = {"from": int(began), "to": ended, "interval": INTERVAL}
    (folder / "range.json").write_text(json.dumps(span) + "\n")


@contextmanager
def _monitor(folder: Path, extra: str) -> Iterator[tuple[Internet, str]]:
    """Run one monitor in an internet of its own; yields that and the monitor's address."""
    folder.mkdir()
    with whole_internet(folder) as internet:
        top, _, tables = extra.partition("[")
        config = internet.config(top, interval=f"{INTERVAL}s", timeout="2s")
        config.write_text(config.read_text() + f"\n[{tables}")
        address = internet.url("").removeprefix("http://")
        port = int(address.rpartition(":")[2])
        command = [sys.executable, "-m", "monitor", "run", "--config", str(config)]
        log = folder / "monitor.log"
        with running(command, log, lambda: accepts(port), env=environment()):
            yield internet, address


@contextmanager
def _scraper(folder: Path, where: dict[str, str]) -> Iterator[None]:
    """Scrape the monitors into ``folder``/data, each with its name as the instance."""
    jobs = [{"targets": [address], "labels": {"instance": name}} for name, address in where.items()]
    config = {
        "global": {"scrape_interval": f"{INTERVAL}s"},
        "scrape_configs": [{"job_name": "egress-monitor", "static_configs": jobs}],
    }
    path = folder / "prometheus.yml"
    path.write_text(json.dumps(config))  # JSON is YAML too
    command = [
        program("prometheus"),
        f"--config.file={path}",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{free_port()}",
    ]
    with running(command, folder / "scraper.log"):
        yield


def _play(steps: Sequence[Step], seconds: float) -> None:
    began = time.monotonic()
    for step in steps:
        time.sleep(max(0.0, began + step.at * seconds - time.monotonic()))
        print(f"{time.monotonic() - began:4.0f} s: {step.name}", flush=True)
        step.do()
    time.sleep(max(0.0, began + seconds - time.monotonic()))

"""Endurance run: ``make soak`` (10 minutes), ``make soak ARGS="--minutes 60"``.

200 targets at 1 s: healthy ones, ones with changing faults, ones that flood; at the same time
hostile clients of the page and a reader of the log that stalls. Exit status 1 if a healthy target
was in an incident, an internal error occurred, or memory grew beyond its bound.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from monitor.catalog import load_catalog
from monitor.model.starvation import Starvation
from tests.internet.ca import Authority
from tests.internet.flood import PLAIN, TLS, flood
from tests.internet.process import free_port

HEALTHY, FAULTY = 140, 27
RSS_LIMIT = 96.0
"""MiB that the daemon may have at any time."""

STALLED, READING = 25.0, 5.0
"""Seconds for which the log's reader stalls and reads, in turns."""


@contextmanager
def child(module: str, *arguments: str) -> Iterator[str]:
    """Run a module; yields the first line that it prints."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip() if module.endswith("origin") else ""
        finally:
            process.kill()


def row(name: str, address: str, port: int, protocol: str) -> str:
    """One endpoint of the configuration."""
    return (
        f'[[endpoint]]\nid = "{name}"\nhost = "{name}.test"\naddress = "{address}"\n'
        f'port = {port}\nprotocol = "{protocol}"\n'
    )


def configuration(origin: int, floods: Mapping[str, int], page: int, state: Path, ca: Path) -> str:
    """200 targets at 1 s, and nothing else."""
    groups = sorted({r.group for r in load_catalog()})
    rows = [row(f"healthy-{n}", f"127.0.1.{n + 1}", origin, "http") for n in range(HEALTHY)]
    rows += [row(f"faulty-{n}", f"127.0.2.{n + 1}", origin, "http") for n in range(FAULTY)]
    rows += [
        row(f"hostile-{n}", "127.0.0.1", floods[kind], "https" if kind in TLS else "http")
        for n, kind in enumerate([*PLAIN, *TLS][: 200 - HEALTHY - FAULTY])
    ]
    return (
        'region = "eu-central-1"\naccount_id = "123456789012"\n'
        f'[schedule]\ninterval = "1s"\ntimeout = "900ms"\nmax_connections_per_second = 1000\n'
        f'max_in_flight = 400\n[web]\nlisten = "127.0.0.1:{page}"\n'
        f'[state]\ndirectory = "{state}"\n[tls]\nca_file = "{ca}"\n[log]\nlevel = "debug"\n'
        "[metadata]\ndiscover_identity = false\n[discovery]\nenabled = false\n"
        '[dns]\nprobe_servers = false\nservers = ["127.0.0.1:9"]\n'
        + "".join(f"[groups.{group}]\nenabled = false\n" for group in groups)
        + "".join(rows)
    )


@dataclass
class Seen:
    """What was seen of the daemon in the course of the run."""

    rss: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    incidents: dict[str, Mapping[str, object]] = field(default_factory=dict)
    metrics: str = ""
    unanswered: int = 0

    def value(self, name: str, label: str = "") -> float:
        """The sum of a metric's samples that have ``label``."""
        pattern = rf"^{name}(?:\{{[^}}]*{label}[^}}]*\}})? (\S+)$"
        return sum(map(float, re.findall(pattern, self.metrics, re.MULTILINE)))

    def quantile(self, name: str, share: float) -> float:
        """An upper bound of a quantile, from a histogram."""
        pattern = rf'^{name}_bucket\{{.*le="([^"]+)".*\}} (\S+)$'
        buckets = [(float(b), float(c)) for b, c in re.findall(pattern, self.metrics, re.MULTILINE)]
        count = buckets[-1][1] if buckets else 0.0
        return next((bound for bound, seen in buckets if seen >= share * count), float("nan"))

    @property
    def false_incidents(self) -> list[Mapping[str, object]]:
        """Incidents that affect a healthy target, or that blame the monitor itself."""
        return [
            i
            for i in self.incidents.values()
            if i["cause"] == "internal_error"
            or any(str(name).startswith("healthy") for name in i["affected"])  # type: ignore[attr-defined]
        ]


class Daemon:
    """The daemon under test; its log is read in turns only."""

    def __init__(self, config: Path, page: int) -> None:
        command = [sys.executable, "-m", "monitor", "run", "--config", str(config)]
        environ = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environ)
        self._page = page
        threading.Thread(target=self._read_log, daemon=True).start()

    def _read_log(self) -> None:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        reading_until = time.monotonic() + READING
        while os.read(descriptor, 65_536):
            if time.monotonic() > reading_until:
                time.sleep(STALLED)
                reading_until = time.monotonic() + READING

    def look(self, seen: Seen) -> None:
        """Take in how it is now."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        seen.rss.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
        seen.descriptors.append(len(list(Path(f"/proc/{self._process.pid}/fd").iterdir())))
        try:
            seen.metrics = self._get("/metrics")
            for incident in json.loads(self._get("/api/v1/incidents"))["incidents"]:
                seen.incidents[incident["id"]] = incident
        except OSError:
            seen.unanswered += 1

    def peak(self) -> float:
        """The most memory that it has had, in MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._page}{path}", timeout=10) as page:
            return str(page.read().decode())

    def stop(self) -> int:
        """Stop it; returns its exit status."""
        self._process.terminate()
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return -9


def run(minutes: float, seed: int) -> int:
    """Run for so many minutes, and print what was seen; returns the exit status."""
    seen = Seen()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        authority, page = Authority(folder), free_port()
        origin = int(stack.enter_context(child("tests.soak.origin", str(seed))))
        floods = stack.enter_context(flood(authority.issue("*.test")))
        config = folder / "config.toml"
        config.write_text(configuration(origin, floods, page, folder / "state", authority.file))
        daemon = Daemon(config, page)
        end = time.monotonic() + 60 * minutes
        try:
            time.sleep(10)
            daemon.look(seen)
            with child("tests.soak.clients", str(page)):
                while time.monotonic() < end:
                    time.sleep(2)
                    daemon.look(seen)
            time.sleep(5)  # the attack is over: the last figures are those of the whole run
            daemon.look(seen)
            peak = daemon.peak()
        finally:
            status = daemon.stop()
    return report(seen, peak, status)


def report(seen: Seen, peak: float, status: int) -> int:
    """Print the figures; returns 1 if one of them is not as it has to be."""
    made, missed = seen.value("egress_probes_total"), seen.value("egress_probes_skipped_total")
    discarded = seen.value("egress_inadmissible_probes_total")
    errors = seen.value("egress_internal_errors_total")
    lateness = "egress_schedule_lateness_seconds"
    late = [f"p{100 * q:.0f} <= {seen.quantile(lateness, q)} s" for q in (0.5, 0.99)]
    aborted = seen.value("egress_web_connections_aborted_total")
    fds = seen.descriptors
    reasons = [reason.value for reason in Starvation]
    starved = [f"{r} {seen.value('egress_starved_seconds_total', r):.0f}" for r in reasons]
    for line in (
        f"RSS start {seen.rss[0]:.1f}, end {seen.rss[-1]:.1f}, peak {peak:.1f} MiB",
        f"descriptors start {fds[0]}, end {fds[-1]}, most {max(fds)}",
        f"tasks {seen.value('egress_event_loop_tasks'):.0f}, "
        f"in flight {seen.value('egress_probes_in_flight'):.0f}",
        f"lateness {', '.join(late)}",
        f"probes {made:.0f}, missed {missed:.0f}, discarded while starved {discarded:.0f}",
        f"starved seconds {', '.join(starved)}",
        f"log lines dropped {seen.value('egress_log_lines_dropped_total'):.0f}",
        f"page connections aborted {aborted:.0f}, unanswered {seen.unanswered} of {len(seen.rss)}",
        f"internal errors {errors:.0f}, exit status {status}",
        f"incidents {len(seen.incidents)}, false {len(seen.false_incidents)}",
    ):
        print(line)
    for incident in seen.false_incidents[:10]:
        print(f"  false: {json.dumps(incident)[:400]}")
    wrong = seen.false_incidents or errors or status or peak > RSS_LIMIT
    return 1 if wrong else 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults (default: 1)")
    arguments = parser.parse_args()
    return run(arguments.minutes, arguments.seed)


if __name__ == "__main__":
    sys.exit(main())

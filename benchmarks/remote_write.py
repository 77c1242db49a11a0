"""Remote write against real receivers: kills during an outage, a backfill of hours, memory.

``python -m benchmarks.remote_write [kills] [backfill] [memory]``
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

from monitor.export.remote_write.queue import Bounds, Queue
from monitor.export.remote_write.sampling import Sampler
from monitor.state.self_metrics import RemoteWriteMetrics
from tests.internet.process import accepts, free_port, program, running, wait_until
from tests.internet.whole import Internet, whole_internet
from tests.stores import realistic_board

HOURS = 6
INTERVAL = 30
KILLS = 10
FLUSH = 1.2
"""Seconds before a kill from which on a sample may be lost: the flush interval, which is 1 s,
and what it takes to look."""


class Receivers:
    """A Prometheus and a VictoriaMetrics that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.prometheus, self.victoria = free_port(), free_port()
        self._stack = ExitStack()
        (folder / "prometheus.yml").touch()

    def start(self, *, prometheus: bool = True) -> None:
        """Start them."""
        victoria = [
            program("victoria-metrics"),
            f"-storageDataPath={self._folder}/victoria",
            f"-httpListenAddr=127.0.0.1:{self.victoria}",
        ]
        self._run(victoria, self.victoria)
        command = [
            program("prometheus"),
            f"--config.file={self._folder}/prometheus.yml",
            f"--storage.tsdb.path={self._folder}/prometheus",
            f"--web.listen-address=127.0.0.1:{self.prometheus}",
            "--web.enable-remote-write-receiver",
        ]
        if prometheus:
            self._run(command, self.prometheus)

    def _run(self, command: list[str], port: int) -> None:
        log = self._folder / f"receiver-{port}.log"
        self._stack.enter_context(running(command, log, lambda: accepts(port)))

    def stop(self) -> None:
        """Stop them; what they have stays."""
        self._stack.close()

    def samples(self) -> dict[str, Counter[str]]:
        """Return how many samples of probe_success each has of each target."""
        query = f"http://127.0.0.1:{self.prometheus}/api/v1/query?query=probe_success[30m]"
        series = json.loads(fetch(query))["data"]["result"]
        prometheus = Counter({s["metric"]["target"]: len(s["values"]) for s in series})
        return {"prometheus": prometheus, "victoria-metrics": self.exported("probe_success")}

    def exported(self, name: str) -> Counter[str]:
        """Return how many distinct times VictoriaMetrics has of each target."""
        text = fetch(f"http://127.0.0.1:{self.victoria}/api/v1/export?match[]={name}")
        found: dict[str, set[int]] = {}
        for line in text.splitlines():
            row = json.loads(line)
            found.setdefault(row["metric"]["target"], set()).update(row["timestamps"])
        return Counter({target: len(times) for target, times in found.items()})


def fetch(url: str) -> str:
    """Return what is at a URL."""
    with urllib.request.urlopen(url, timeout=20) as answer:
        return str(answer.read().decode())


class Metrics:
    """The monitor's own figures."""

    def __init__(self, internet: Internet) -> None:
        self._url = internet.url("/metrics")

    def __call__(self) -> dict[str, float]:
        lines = (line for line in fetch(self._url).splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines)}

    def probes(self) -> Counter[str]:
        """Return the probes made of each target."""
        found = {k: v for k, v in self().items() if k.startswith("egress_probes_total{")}
        return Counter({k.split('target="')[1].split('"')[0]: int(v) for k, v in found.items()})


@contextmanager
def monitor(internet: Internet, config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the monitor for the length of the block."""
    command = [sys.executable, "-m", "monitor", "run", "--config", str(config)]
    port = int(internet.url("").rpartition(":")[2])
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "EGRESS_"))}
    log = internet.folder / "monitor.log"
    with running(command, log, lambda: accepts(port), env=environ) as process:
        yield process


def configure(internet: Internet, state: Path, interval: str, **destinations: int) -> Path:
    """Write a configuration that writes to each destination, given by its port."""
    config = internet.config(interval=interval)
    tables = "".join(
        f'[[remote_write]]\nname = "{name}"\nurl = "http://127.0.0.1:{port}/api/v1/write"\n'
        for name, port in destinations.items()
    )
    config.write_text(f'{config.read_text()}\n[state]\ndirectory = "{state}"\n{tables}')
    return config


def kills(folder: Path) -> None:
    """Kill the monitor ten times during an outage of the receivers, and count what arrives."""
    random = Random(4)
    receivers = Receivers(folder)
    with whole_internet(folder) as internet:
        config = configure(
            internet,
            folder / "state",
            "3s",
            prometheus=receivers.prometheus,
            victoria=receivers.victoria,
        )
        metrics = Metrics(internet)
        due, made = Counter[str](), Counter[str]()
        receivers.start()
        for life in range(KILLS):
            with monitor(internet, config) as process:
                time.sleep(random.uniform(2, 8))
                if life == 0:
                    receivers.stop()
                    time.sleep(3)
                due += metrics.probes()
                time.sleep(FLUSH)
                made += metrics.probes()
                process.send_signal(signal.SIGKILL)
                process.wait()
        receivers.start()
        ended = time.time()
        with monitor(internet, config):
            for name in ("prometheus", "victoria"):
                drained(metrics, name, ended, 90)
            time.sleep(3)  # VictoriaMetrics shows what it took a little later
            found = receivers.samples()
        for name, samples in found.items():
            lost = sum((due - samples).values())
            print(
                f"{KILLS} kills, {name}: {sum(made.values())} probes counted at the kills, "
                f"{sum(due.values())} at least {FLUSH} s before; of these {lost} are missing "
                f"({sum(samples.values())} samples of {len(samples)} targets arrived)"
            )
        receivers.stop()


def drained(metrics: Metrics, name: str, since: float, seconds: float) -> None:
    """Wait until nothing is pending that was measured before ``since`` (Unix seconds)."""
    labels = f'{{destination="{name}"}}'

    def done() -> bool:
        figures = metrics()
        oldest = figures.get(f"egress_remote_write_oldest_pending_timestamp_seconds{labels}", since)
        return figures[f"egress_remote_write_samples_total{labels}"] > 0 and oldest >= since

    wait_until(done, f"{name} has everything", seconds)


def fill(directory: Path) -> int:
    """Make a queue that holds the last hours of the full catalogue; returns its samples."""
    store = realistic_board()
    self_metrics = RemoteWriteMetrics()
    queue = Queue("victoria", directory, Bounds(2**30, 86_400.0), self_metrics)
    now = time.time()
    queue.open(now - HOURS * 3600)
    first = [p for part in Sampler().sample(store, now) for p in part]
    by_target: dict[str, list[tuple[object, float]]] = {}
    for series, _, value in first:
        target = series.key.partition("target\0")[2].partition("\0")[0]
        by_target.setdefault(target, []).append((series, value))
    targets = sorted(by_target)
    labels = (("instance", "filled"), ("job", "egress-monitor"), ("region", "eu-central-1"))
    for second in range(HOURS * 3600):
        at = int((now - HOURS * 3600 + second) * 1000)
        points = [
            (series, at + number, value + second)
            for number, target in enumerate(targets)
            if (number + second) % INTERVAL == 0
            for series, value in by_target[target]
        ]
        if points:
            queue.append(points, labels, at / 1000)  # type: ignore[arg-type]
    queue.close(now)
    return self_metrics.queued


def backfill(folder: Path) -> None:
    """Send hours of the full catalogue into an empty VictoriaMetrics."""
    receivers = Receivers(folder)
    state = folder / "state"
    count = fill(state / "remote-write" / "victoria")
    size = sum(f.stat().st_size for f in (state / "remote-write" / "victoria").iterdir())
    receivers.start(prometheus=False)
    with whole_internet(folder) as internet:
        config = configure(internet, state, f"{INTERVAL}s", victoria=receivers.victoria)
        metrics, worst, began = Metrics(internet), 0.0, time.monotonic()
        with monitor(internet, config) as process:
            while (time.monotonic() - began) < 300:
                time.sleep(1)
                figures = metrics()
                pending = figures['egress_remote_write_samples_pending{destination="victoria"}']
                key = 'egress_remote_write_highest_sent_timestamp_seconds{destination="victoria"}'
                if (newest := figures.get(key, 0)) > time.time() - 3600:
                    worst = max(worst, time.time() - newest)
                if pending < 20_000:
                    break
            took, peak = time.monotonic() - began, peak_mib(process.pid)
            lag = figures["egress_loop_lag_seconds_sum"] / figures["egress_loop_lag_seconds_count"]
            log = (folder / "monitor.log").read_text()
            assert "refused" not in log
        time.sleep(5)  # VictoriaMetrics shows what it took a little later
        exported = fetch(
            f"http://127.0.0.1:{receivers.victoria}/api/v1/export?"
            "match[]={instance=%22filled%22,__name__!~%22egress_remote_write_order.*%22}"
        )
        arrived = sum(len(json.loads(line)["timestamps"]) for line in exported.splitlines())
        print(
            f"backfill of {HOURS} h: {count} samples ({size / 2**20:.1f} MiB on disk) "
            f"in {took:.0f} s; {arrived} arrived; the freshest sample was never older than "
            f"{worst:.1f} s; peak {peak:.1f} MiB; loop lag {lag * 1000:.2f} ms on average"
        )
    receivers.stop()


def memory(folder: Path) -> None:
    """Compare the peak memory of a quiet hour with that of an outage behind a long backlog."""
    receivers = Receivers(folder)
    receivers.start(prometheus=False)
    peaks = {}
    dead = free_port()
    fill(folder / "outage" / "remote-write" / "victoria")
    with whole_internet(folder) as internet:
        for name, port in (("normal", receivers.victoria), ("outage", dead)):
            config = configure(internet, folder / name, f"{INTERVAL}s", victoria=port)
            with monitor(internet, config) as process:
                time.sleep(90)
                peaks[name] = peak_mib(process.pid)
    print(f"peak memory: {peaks['normal']:.1f} MiB, in an outage {peaks['outage']:.1f} MiB")
    receivers.stop()


def peak_mib(pid: int) -> float:
    """Return the most memory that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


SCENARIOS: dict[str, Callable[[Path], None]] = {
    "kills": kills,
    "backfill": backfill,
    "memory": memory,
}


def main(*names: str) -> None:
    """Run what is named, or everything."""
    for name in names or SCENARIOS:
        with tempfile.TemporaryDirectory() as folder:
            SCENARIOS[name](Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Remote write against real receivers: kills, outages, rejections, changes, backfill, memory.

``python -m benchmarks.remote_write [kills] [rejected] [too_large] [changes] [backfill] [memory]``
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

from aiohttp import web

from monitor.export.remote_write.drops import Drops
from monitor.export.remote_write.queue import Bounds, Queue
from monitor.export.remote_write.sampling import Sampler
from monitor.net.clock import SystemClock
from monitor.state.self_metrics import RemoteWriteMetrics
from tests.internet.process import accepts, free_port, running, wait_until
from tests.internet.real_receivers import RealReceiver, real_receiver
from tests.internet.receiver import Receiver, Request
from tests.internet.whole import Internet, whole_internet
from tests.stores import realistic_board

HOURS = 6
INTERVAL = 30
KILLS = 10
OUTAGES = (0, 4, 8)
"""Lives of the monitor in which the receivers are stopped."""

KINDS = ("prometheus-2", "prometheus-3", "victoria-metrics")
FLUSH = 1.2
"""Seconds before a kill from which on a sample may be lost: the flush interval, which is 1 s,
and what it takes to look."""


class Outage:
    """Real receivers that are stopped and started again."""

    def __init__(self, folder: Path, kinds: Sequence[str]) -> None:
        self.receivers = [real_receiver(kind, folder) for kind in kinds]
        self._stack = ExitStack()

    def start(self) -> None:
        """Start them."""
        for receiver in self.receivers:
            self._stack.enter_context(receiver.started())

    def stop(self) -> None:
        """Stop them; what they stored stays."""
        self._stack.close()

    @property
    def ports(self) -> dict[str, int]:
        """The port of each by its kind."""
        return {receiver.kind: receiver.port for receiver in self.receivers}


@contextmanager
def scripted() -> Iterator[tuple[Receiver, int]]:
    """Run the tests' strict receiver in a thread; yields it and its port."""
    received, ready, ended = Receiver(), threading.Event(), asyncio.Event()
    port = free_port()

    async def serve() -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/{path:.*}", received.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        ready.set()
        await ended.wait()
        await runner.cleanup()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield received, port
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


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
    with running(command, log, env=environ) as process:
        wait_until(lambda: accepts(port), "the monitor listens", 60)
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
    """Kill the monitor ten times, with three outages of the receivers of random length."""
    random = Random(4)
    outage = Outage(folder, KINDS)
    with whole_internet(folder) as internet:
        config = configure(internet, folder / "state", "3s", **outage.ports)
        metrics = Metrics(internet)
        due, made = Counter[str](), Counter[str]()
        outage.start()
        running_receivers, outages = True, []
        for life in range(KILLS):
            with monitor(internet, config) as process:
                time.sleep(random.uniform(2, 8))
                if life in OUTAGES:
                    outage.stop()
                    outages.append(life)
                    running_receivers = False
                    time.sleep(random.uniform(1, 4))
                elif not running_receivers and random.random() < 0.6:
                    outage.start()
                    running_receivers = True
                due += metrics.probes()
                time.sleep(FLUSH)
                made += metrics.probes()
                process.send_signal(signal.SIGKILL)
                process.wait()
        if not running_receivers:
            outage.start()
        ended = time.time()
        with monitor(internet, config):
            for name in outage.ports:
                drained(metrics, name, ended, 120)
            time.sleep(3)  # VictoriaMetrics shows samples a little later
            for receiver in outage.receivers:
                _compare(receiver, due, made, metrics)
        outage.stop()


def _compare(
    receiver: RealReceiver, due: Counter[str], made: Counter[str], metrics: Metrics
) -> None:
    found: dict[str, dict[int, set[float]]] = {}
    repeated = 0
    for labels, samples in receiver.samples("probe_success").items():
        times = found.setdefault(dict(labels)["target"], {})
        for at, value in samples:
            repeated += at in times
            times.setdefault(at, set()).add(value)
    arrived = Counter({target: len(times) for target, times in found.items()})
    conflicts = sum(len(values) > 1 for times in found.values() for values in times.values())
    name = f'destination="{receiver.kind}"'
    figures = {key: value for key, value in metrics().items() if name in key}
    version = next(key for key in figures if "protocol_info" in key).partition('version="')[2][:3]
    dropped = sum(value for key, value in figures.items() if "samples_dropped_total" in key)
    print(
        f"{KILLS} kills, {len(OUTAGES)} outages, {receiver.kind} ({version}): "
        f"{sum(made.values())} probes counted at the kills, {sum(due.values())} at least {FLUSH} s "
        f"before; of these {sum((due - arrived).values())} are missing; {sum(arrived.values())} "
        f"samples of {len(arrived)} targets stored, {repeated} of them twice, {conflicts} with "
        f"another value; {dropped:.0f} dropped by the last process",
        flush=True,
    )


def rejected(folder: Path) -> None:
    """Let a receiver reject one metric of all targets for 100 s."""
    name = "probe_duration_seconds"
    good: set[tuple[object, int]] = set()

    def rule(request: Request) -> web.Response | None:
        bad = any(row.name == name for row in request.message.rows)
        good.update(
            (row.labels, at)
            for row in request.message.rows
            for at, _ in row.samples
            if row.name != name
        )
        return web.Response(status=400, text=f"unknown metric {name}") if bad else None

    with scripted() as (receiver, port), whole_internet(folder) as internet:
        receiver.rule = rule
        config = configure(internet, folder / "state", "10s", strict=port)
        with monitor(internet, config):
            time.sleep(100)
            until_idle(receiver)
            requests = len(receiver.requests)
            refused = sum(any(r.name == name for r in q.message.rows) for q in receiver.requests)
            arrived = {(row.labels, at) for row in receiver.accepted for at, _ in row.samples}
            plain = round(100 / 5)
            left_out = f"{len(good - arrived)} good samples lost of {len(good)}"
    print(
        f"one metric rejected for 100 s: {requests} requests ({plain} are due anyway), of these "
        f"{refused} rejected; {left_out}",
        flush=True,
    )


def until_idle(receiver: Receiver) -> None:
    """Wait until no request has come for a second: between two batches."""
    before = -1
    while before != len(receiver.requests):
        before = len(receiver.requests)
        time.sleep(1)


def too_large(folder: Path) -> None:
    """Let a receiver answer 413 to everything for 15 s."""
    began = [0.0]
    seen: list[tuple[float, int, bool]] = []

    def rule(request: Request) -> web.Response | None:
        began[0] = began[0] or time.monotonic()
        at = time.monotonic() - began[0]
        seen.append((at, request.message.count, at < 15))
        return web.Response(status=413) if at < 15 else None

    with scripted() as (receiver, port), whole_internet(folder) as internet:
        receiver.rule = rule
        config = configure(internet, folder / "state", "2s", strict=port)
        with monitor(internet, config):
            time.sleep(90)
            metrics = Metrics(internet)()
    failed = [count for _, count, bad in seen if bad]
    largest = failed[0]
    full = next(at for at, count, bad in seen if not bad and count >= largest)
    dropped = sum(v for key, v in metrics.items() if "samples_dropped_total" in key)
    limit = metrics['egress_remote_write_request_samples_limit{destination="strict"}']
    print(
        f"15 s of 413: {len(failed)} requests meanwhile; first request of the size that failed "
        f"first ({largest} samples) accepted {full - 15:.1f} s after the end; limit then "
        f"{limit:.0f}; {dropped:.0f} samples dropped",
        flush=True,
    )


def changes(folder: Path) -> None:
    """Roll a receiver back, upgrade it, deny access and repair it; measure until samples flow."""
    port = free_port()
    new = real_receiver("prometheus-3", folder, port)
    old = real_receiver("prometheus-2", folder, port)
    with whole_internet(folder) as internet:
        config = configure(internet, folder / "state", "2s", changing=port)
        with monitor(internet, config):
            for receiver, change in ((new, "started"), (old, "rolled back"), (new, "upgraded")):
                with receiver.started():
                    took = flowing(receiver)
                    print(
                        f"receiver {change} ({receiver.kind}): samples flow after {took:.1f} s",
                        flush=True,
                    )
                    time.sleep(5)
    second = folder / "second"
    second.mkdir()
    with scripted() as (strict, port), whole_internet(second) as internet:
        for status in (403, 404, 422, 500):
            strict.rule = lambda _, status=status: web.Response(status=status)  # type: ignore[misc]
            config = configure(internet, folder / f"state-{status}", "2s", strict=port)
            with monitor(internet, config):
                time.sleep(60)
                strict.rule = lambda _: None
                before, began = len(strict.accepted), time.monotonic()
                while len(strict.accepted) == before:
                    time.sleep(0.1)
                took = time.monotonic() - began
            print(
                f"receiver repaired after 60 s of {status}: samples flow after {took:.1f} s",
                flush=True,
            )


def flowing(receiver: RealReceiver) -> float:
    """Return the seconds until a receiver shows a sample that was taken from now on."""
    began = time.time()
    while True:
        for samples in receiver.samples("probe_success").values():
            if any(at >= began * 1000 for at, _ in samples):
                return time.time() - began
        time.sleep(0.2)


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
    drops = Drops("victoria", self_metrics, SystemClock())
    queue = Queue("victoria", directory, Bounds(2**30, 86_400.0), self_metrics, drops=drops)
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
    outage = Outage(folder, ("victoria-metrics-debian",))
    (victoria,) = outage.ports.values()
    state = folder / "state"
    count = fill(state / "remote-write" / "victoria")
    size = sum(f.stat().st_size for f in (state / "remote-write" / "victoria").iterdir())
    outage.start()
    with whole_internet(folder) as internet:
        config = configure(internet, state, f"{INTERVAL}s", victoria=victoria)
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
            f"http://127.0.0.1:{victoria}/api/v1/export?"
            "match[]={instance=%22filled%22,__name__!~%22egress_remote_write_order.*%22}"
        )
        arrived = sum(len(json.loads(line)["timestamps"]) for line in exported.splitlines())
        print(
            f"backfill of {HOURS} h: {count} samples ({size / 2**20:.1f} MiB on disk) "
            f"in {took:.0f} s; {arrived} arrived; the freshest sample was never older than "
            f"{worst:.1f} s; peak {peak:.1f} MiB; loop lag {lag * 1000:.2f} ms on average"
        )
    outage.stop()


def memory(folder: Path) -> None:
    """Compare the peak memory of a quiet hour with that of an outage behind a long backlog."""
    outage = Outage(folder, ("victoria-metrics-debian",))
    (victoria,) = outage.ports.values()
    outage.start()
    peaks = {}
    dead = free_port()
    fill(folder / "outage" / "remote-write" / "victoria")
    with whole_internet(folder) as internet:
        for name, port in (("normal", victoria), ("outage", dead)):
            config = configure(internet, folder / name, f"{INTERVAL}s", victoria=port)
            with monitor(internet, config) as process:
                time.sleep(90)
                peaks[name] = peak_mib(process.pid)
    print(f"peak memory: {peaks['normal']:.1f} MiB, in an outage {peaks['outage']:.1f} MiB")
    outage.stop()


def peak_mib(pid: int) -> float:
    """Return the most memory that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


SCENARIOS: dict[str, Callable[[Path], None]] = {
    "kills": kills,
    "rejected": rejected,
    "too_large": too_large,
    "changes": changes,
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

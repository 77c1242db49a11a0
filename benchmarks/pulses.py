"""CPU and traffic of the daemon with pulses and without them, side by side:
``unshare -n python -m benchmarks.pulses``.

Both daemons watch the whole catalogue on loopback, each TCP name at an address of its own, at the
default interval and in the same minutes, so the load of the machine affects both alike. CPU is that
of all threads by the scheduler's own accounting. Traffic is that of the loopback device in a
network namespace of its own, while only one of the daemons runs: the difference is the pulses'.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.traffic import counters
from tests.internet.process import accepts, free_port, wait_until
from tests.internet.whole import Internet, whole_internet

ROUNDS, ROUND = 6, 30
"""Rounds of CPU, and seconds per round: one interval, so that each has every probe once."""

TRAFFIC_SECONDS = 60
WARM_UP = 20
AIM_RATIO, AIM_BYTES = 1.15, 3_000
_ETHERNET = 14


@contextmanager
def daemon(folder: Path, internet: Internet, pulse: str) -> Iterator[int]:
    """Run a daemon with that pulse interval; yields its process id."""
    port = free_port()
    text = internet.config(interval="30s", timeout="3s", system_store=True).read_text()
    text = text.replace("[schedule]\n", f'[schedule]\npulse = "{pulse}"\n')
    text = re.sub(r'listen = "127.0.0.1:\d+"', f'listen = "127.0.0.1:{port}"', text)
    config = folder / f"pulse-{pulse}.toml"
    config.write_text(text)
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "EGRESS_"))}
    environ["PYTHONOPTIMIZE"] = "2"  # as in the image
    command = [sys.executable, "-m", "monitor", "run", "--config", str(config)]
    with (folder / f"pulse-{pulse}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
    try:
        wait_until(lambda: accepts(port), "the monitor serves", 60)
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def cpu_nanoseconds(pid: int) -> int:
    """Return the time that all threads of a process ran (proc(5), schedstat)."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks)


def compare_cpu(pids: tuple[int, int]) -> None:
    """Print the shares of a core with pulses and without, and the ratio of each round."""
    shares: list[tuple[float, float]] = []
    for number in range(1, ROUNDS + 1):
        before = [cpu_nanoseconds(pid) for pid in pids]
        time.sleep(ROUND)
        used = [(cpu_nanoseconds(p) - b) / ROUND / 1e9 for p, b in zip(pids, before, strict=True)]
        shares.append((used[0], used[1]))
        print(f"round {number}: {used[0]:.2%} and {used[1]:.2%} of a core", flush=True)
    with_pulses, without = (sum(column) / ROUNDS for column in zip(*shares, strict=True))
    ratios = sorted(one / other for one, other in shares)
    print(
        f"CPU with pulses {with_pulses:.2%}, without {without:.2%}: ratio "
        f"{with_pulses / without:.2f}, by round {ratios[0]:.2f} to {ratios[-1]:.2f}, median "
        f"{median(ratios):.2f} (aim ≤ {AIM_RATIO})"
    )


def traffic(folder: Path, internet: Internet, pulse: str) -> float:
    """Return bytes per second on the wire with one daemon, IP headers included."""
    with daemon(folder, internet, pulse):
        time.sleep(WARM_UP)
        before = counters()
        time.sleep(TRAFFIC_SECONDS)
        size, packets = (b - a for a, b in zip(before, counters(), strict=True))
    return (size - _ETHERNET * packets) / TRAFFIC_SECONDS


def main() -> None:
    """Compare both, and print what pulses add."""
    if {
        line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]
    } != {"lo"}:
        sys.exit("run it in a network namespace of its own: unshare -n python -m benchmarks.pulses")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        internet = stack.enter_context(whole_internet(folder, spread=True))
        with daemon(folder, internet, "5s") as one, daemon(folder, internet, "0s") as other:
            time.sleep(WARM_UP)
            compare_cpu((one, other))
        with_pulses, without = traffic(folder, internet, "5s"), traffic(folder, internet, "0s")
        print(
            f"traffic with pulses {with_pulses:.0f} B/s, without {without:.0f} B/s: pulses "
            f"{with_pulses - without:.0f} B/s (aim ≤ {AIM_BYTES})"
        )


if __name__ == "__main__":
    main()

"""Memory and CPU of the daemon with the full catalogue, all endpoints answering on loopback.

It trusts the system's store too, as it does by default: each context with it takes a megabyte.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.probe_cost import cpu_seconds, rss_mib
from tests.internet.process import accepts, wait_until
from tests.internet.whole import whole_internet

HEALTH_CHECK = """
import os, re, resource, sys
from monitor.__main__ import main
status = main(["healthcheck", "--port", sys.argv[1]])
used = resource.getrusage(resource.RUSAGE_SELF)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(status, used.ru_utime + used.ru_stime, int(peak.split()[1]) / 1024)
"""
"""One health check, with the import of re that the installed command begins with."""

SECONDS = 60
AIM_MIB = 48


def health_check(port: int) -> str:
    """Return what the cheapest of 20 health checks took."""
    runs = []
    for _ in range(20):
        command = [sys.executable, "-c", HEALTH_CHECK, str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        status, cpu, peak = done.stdout.split()
        assert status == "0", done.stderr
        runs.append((float(cpu), float(peak)))
    cpu_used, peak_used = min(runs)
    return f"health check: {1000 * cpu_used:.0f} ms CPU, {peak_used:.1f} MiB (aim ≤ 30, ≤ 12)"


def main() -> None:
    """Run the daemon at its default interval for a while and print what it took."""
    with tempfile.TemporaryDirectory() as name, whole_internet(Path(name)) as internet:
        config = internet.config(interval="30s", timeout="10s", system_store=True)
        port = int(internet.url("").rpartition(":")[2])
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "EGRESS_"))}
        environ["PYTHONOPTIMIZE"] = "2"  # as in the image
        command = [sys.executable, "-m", "monitor", "run", "--config", str(config)]
        with (Path(name) / "monitor.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        try:
            wait_until(lambda: accepts(port), "the monitor serves")
            time.sleep(15)  # the first round and its imports are not the steady state
            before = cpu_seconds(process.pid)
            time.sleep(SECONDS)
            share = (cpu_seconds(process.pid) - before) / SECONDS
            count = len(internet.targets) + 1
            print(
                f"\n{count} targets every 30 s for {SECONDS} s: "
                f"{rss_mib(process.pid):.1f} MiB RSS (aim ≤ {AIM_MIB}), {share:.2%} of one core"
            )
            print(health_check(port))
        finally:
            process.terminate()
            process.wait(10)


if __name__ == "__main__":
    main()

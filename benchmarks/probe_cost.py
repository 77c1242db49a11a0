"""CPU a probe costs, beside prometheus-blackbox-exporter: same nginx, rounds interleaved.

Both sides finish a full handshake, verify the certificate and read the answer. Ours goes
through the whole engine (limits, prober, diagnosis); theirs is driven over one keep-alive
connection. CPU is user plus system time of the prober's process alone, from /proc.
"""

from __future__ import annotations

import http.client
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from tests.internet.ca import Authority
from tests.internet.nginx import Site, nginx
from tests.internet.process import accepts, free_port, program, running

ROUNDS = 5
PROBES = {"tcp": 1000, "https": 400}
AIMS = {"tcp": 0.3, "https": 0.65}

BLACKBOX = """modules:
  tcp: {{prober: tcp, timeout: 5s, tcp: {{preferred_ip_protocol: ip4}}}}
  https:
    prober: http
    timeout: 5s
    http:
      preferred_ip_protocol: ip4
      enable_http2: false
      tls_config: {{ca_file: {ca}, server_name: bench.test}}
      headers: {{Host: bench.test}}
"""


@dataclass(frozen=True)
class Place:
    """Address that both sides probe."""

    port: int
    ca: Path


def cpu_seconds(pid: int) -> float:
    """User plus system time of a process, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Ours:
    """Our engine in a process of its own, controlled over a pipe."""

    name = "egress-monitor"

    def __init__(self, place: Place) -> None:
        command = [sys.executable, "-m", "benchmarks.engine", str(place.port), str(place.ca)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self.process.pid

    def probe(self, protocol: str, count: int) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(protocol, count, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().strip()
        if answer != "ok":
            raise RuntimeError(f"our probe failed: {answer}")

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


class Blackbox:
    """The peer, asked over one keep-alive connection as Prometheus would."""

    name = "blackbox_exporter"

    def __init__(self, place: Place, pid: int, port: int) -> None:
        self._place = place
        self.pid = pid
        self._client = http.client.HTTPConnection("127.0.0.1", port)

    def probe(self, protocol: str, count: int) -> None:
        where = f"127.0.0.1:{self._place.port}"
        target = where if protocol == "tcp" else f"https://{where}/"
        path = "/probe?" + urlencode({"module": protocol, "target": target})
        for _ in range(count):
            self._client.request("GET", path)
            body = self._client.getresponse().read()
            if b"\nprobe_success 1" not in body:
                raise RuntimeError(f"blackbox_exporter's {protocol} probe failed")


def measure(side: Ours | Blackbox, protocol: str) -> float:
    """CPU microseconds a probe."""
    before = cpu_seconds(side.pid)
    side.probe(protocol, PROBES[protocol])
    return (cpu_seconds(side.pid) - before) / PROBES[protocol] * 1e6


def compare(place: Place, blackbox: Blackbox) -> None:
    """Measure both in interleaved rounds and print a table with the ratio."""
    ours = Ours(place)
    counts = ", ".join(f"{count} {protocol}" for protocol, count in PROBES.items())
    print(f"{ROUNDS} interleaved rounds of {counts} probes, CPU of the prober's process\n")
    print("| probe | egress-monitor, µs CPU | blackbox_exporter, µs CPU | ratio | aim |")
    print("| --- | --- | --- | --- | --- |")
    for protocol, aim in AIMS.items():
        for side in (ours, blackbox):
            side.probe(protocol, 20)
        pairs = [(measure(ours, protocol), measure(blackbox, protocol)) for _ in range(ROUNDS)]
        mine, theirs = ([pair[i] for pair in pairs] for i in (0, 1))
        ratio = statistics.median(mine) / statistics.median(theirs)
        spans = [f"{statistics.median(x):.0f} ({min(x):.0f}-{max(x):.0f})" for x in (mine, theirs)]
        print(f"| {protocol} | {spans[0]} | {spans[1]} | {ratio:.2f} | ≤ {aim} |")
    print(f"\nRSS: {rss_mib(ours.pid):.1f} MiB, blackbox_exporter {rss_mib(blackbox.pid):.1f} MiB")
    ours.close()


def main() -> None:
    """Start nginx and blackbox_exporter on loopback and compare."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        authority = Authority(folder)
        certificate = authority.issue("bench.test", "127.0.0.1")
        place = Place(free_port(), authority.file)
        stack.enter_context(
            nginx(folder / "nginx", [Site(("bench.test",), place.port, certificate)])
        )
        port = free_port()
        config = folder / "blackbox.yml"
        config.write_text(BLACKBOX.format(ca=authority.file))
        command = [
            program("prometheus-blackbox-exporter"),
            f"--config.file={config}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        process = stack.enter_context(
            running(command, folder / "blackbox.log", lambda: accepts(port))
        )
        compare(place, Blackbox(place, process.pid, port))


if __name__ == "__main__":
    main()

"""The daemon killed during an outage of its receiver: every probe that it counted arrives."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

from tests.internet.process import accepts, free_port, program, running, wait_until
from tests.internet.whole import Internet, whole_internet
from tests.test_small_internet import environment, get

FLUSHED_WITHIN = 1.2
"""Seconds within which what was measured is written, and what it takes to look."""


def test_a_kill_in_an_outage_loses_no_probe_that_was_counted_a_second_before(
    tmp_path: Path,
) -> None:
    receiver = free_port()
    with whole_internet(tmp_path) as internet:
        config = internet.config()
        config.write_text(
            f'{config.read_text()}[state]\ndirectory = "{tmp_path}/state"\n'
            f'[[remote_write]]\nurl = "http://127.0.0.1:{receiver}/api/v1/write"\n'
        )
        command = [sys.executable, "-m", "monitor", "run", "--config", str(config)]
        port = int(internet.url("").rpartition(":")[2])
        counted: Counter[str] = Counter()
        for life in range(2):
            log = tmp_path / f"monitor-{life}.log"
            with running(command, log, lambda: accepts(port), env=environment()) as process:
                wait_until(lambda: sum(probes(internet).values()) > 100, "it has probed")
                counted += probes(internet)
                time.sleep(FLUSHED_WITHIN)  # the guarantee itself
                process.send_signal(signal.SIGKILL)
                process.wait()
        victoria = [
            program("victoria-metrics"),
            f"-storageDataPath={tmp_path}/victoria",
            f"-httpListenAddr=127.0.0.1:{receiver}",
        ]
        with (
            running(victoria, tmp_path / "victoria.log", lambda: accepts(receiver)),
            running(command, tmp_path / "last.log", lambda: accepts(port), env=environment()),
        ):
            wait_until(lambda: counted <= samples(receiver), "every probe has arrived", 20)


def probes(internet: Internet) -> Counter[str]:
    """How many probes the monitor says that it made of each target."""
    text = get(internet, "/metrics")[1].decode()
    rows = re.findall(r'^egress_probes_total\{.*?target="([^"]+)".*\} (\S+)$', text, re.MULTILINE)
    return Counter({target: int(float(count)) for target, count in rows})


def samples(port: int) -> Counter[str]:
    """How many samples of probe_success the receiver has of each target."""
    base = f"http://127.0.0.1:{port}"
    urllib.request.urlopen(f"{base}/internal/force_flush", timeout=5).close()
    with urllib.request.urlopen(f"{base}/api/v1/export?match[]=probe_success", timeout=5) as answer:
        rows = [json.loads(line) for line in answer.read().splitlines()]
    found: dict[str, set[int]] = {}
    for row in rows:
        found.setdefault(row["metric"]["target"], set()).update(row["timestamps"])
    return Counter({target: len(times) for target, times in found.items()})

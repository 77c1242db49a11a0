"""CPU accounting: what the kernel says kept this process from running."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from monitor.net.cpu_accounting import CpuAccounting, suspended_seconds, throttled_seconds


def test_the_counters_of_this_process_are_read():
    accounting = CpuAccounting()
    before = accounting.read()
    time.sleep(0.01)
    after = accounting.read()
    assert after.waited >= before.waited >= 0
    assert after.throttled >= before.throttled >= 0
    assert abs(after.suspended - before.suspended) < 0.01
    assert suspended_seconds() >= -0.01


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("usage_usec 5\nnr_throttled 3\nthrottled_usec 2500000\n", 2.5),
        ("nr_periods 9\nnr_throttled 3\nthrottled_time 1500000000\n", 1.5),
        ("", 0.0),
        ("throttled_usec x\n", 0.0),
    ],
)
def test_both_versions_of_cpu_stat_are_read(text: str, seconds: float):
    assert throttled_seconds(text) == seconds


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("0::/a/b\n", "a/b/cpu.stat"),
        ("0::/../elsewhere\n", "cpu.stat"),
        ("4:cpu,cpuacct:/task\n0::/\n", "cpu,cpuacct/task/cpu.stat"),
        ("4:cpu:/task\n", "cpu/cpu.stat"),
    ],
)
def test_the_cgroup_is_found_in_and_outside_of_a_container(tmp_path: Path, line: str, at: str):
    proc, root = tmp_path / "proc", tmp_path / "cgroup"
    proc.mkdir()
    (proc / "cgroup").write_text(line)
    (root / at).parent.mkdir(parents=True)
    (root / at).write_text(
        "throttled_usec 1000000\n" if "::" in line else "throttled_time 1000000000\n"
    )
    assert CpuAccounting(proc, root).read().throttled == 1.0


def test_nothing_to_read_is_no_error(tmp_path: Path):
    sample = CpuAccounting(tmp_path, tmp_path).read()
    assert (sample.waited, sample.throttled) == (0.0, 0.0)

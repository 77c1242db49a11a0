"""``check`` on a terminal, in the small internet of the demonstration: whole and broken."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from monitor.demo.faults import FAULTS, Fault
from monitor.demo.internet import small_internet
from monitor.demo.show import catalogue, configuration
from monitor.model.causes import Cause
from monitor.present.check_text import PIPED
from tests.cli.test_check import in_terminal
from tests.daemon.processes import environment
from tests.documents import blocks
from tests.internet.process import free_port

README = Path(__file__).parents[2] / "README.md"
SIZES = pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40)])
THREE = {Cause.TLS_RESET_ON_HELLO, Cause.UDP_NO_REPLY, Cause.TLS_EXPIRED}
_TIME = re.compile(r"\d+\.\d ms")


@asynccontextmanager
async def broken_by(folder: Path, *faults: Fault) -> AsyncIterator[Path]:
    """Yield the configuration of a small internet with these faults."""
    async with small_internet(catalogue(folder), folder) as internet:
        configuration(internet, folder, free_port(), "2s")
        for fault in faults:
            await fault.act(internet, True)
        yield folder / "config.toml"


async def check_in_terminal(columns: int, rows: int, config: Path, status: int = 1) -> list[str]:
    arguments = ("check", "--config", config)
    return await asyncio.to_thread(in_terminal, columns, rows, *arguments, status=status)


def faults(*causes: Cause) -> list[Fault]:
    return [next(fault for fault in FAULTS if fault.cause is cause) for cause in causes]


async def test_the_sample_of_the_readme_is_what_check_prints(tmp_path: Path) -> None:
    (sample,) = (block.text for block in blocks(README) if "✘" in block.text)
    async with broken_by(tmp_path, *faults(Cause.TLS_RESET_ON_HELLO)) as config:
        lines = await check_in_terminal(80, 60, config)
    assert _TIME.sub("0.0 ms", "\n".join(lines)) == _TIME.sub("0.0 ms", sample)


@SIZES
async def test_what_is_healthy_fits_on_one_screen(tmp_path: Path, columns: int, rows: int) -> None:
    async with broken_by(tmp_path) as config:
        lines = await check_in_terminal(columns, rows, config, status=0)
    assert lines[:2] == ["✔ Every required endpoint was reached.", "  53 targets: 53 up."]
    assert len(lines) < rows
    assert max(map(len, lines)) <= columns


@SIZES
async def test_three_faults_are_three_incidents_after_the_verdict(
    tmp_path: Path, columns: int, rows: int
) -> None:
    async with broken_by(tmp_path, *faults(*THREE)) as config:
        lines = await check_in_terminal(columns, rows, config)
    _judge_three(lines, columns)
    assert any("required ones were not reached" in line for line in lines[1 - rows :])


async def test_three_faults_are_read_in_a_file_too(tmp_path: Path) -> None:
    async with broken_by(tmp_path, *faults(*THREE)) as config:
        command = (sys.executable, "-m", "monitor", "check", "--config", config)
        options = {"capture_output": True, "text": True, "check": False, "env": environment()}
        done = await asyncio.to_thread(subprocess.run, command, **options)
    assert (done.returncode, done.stderr) == (1, "")
    _judge_three(done.stdout.splitlines(), PIPED)


def _judge_three(lines: list[str], columns: int) -> None:
    assert max(map(len, lines)) <= columns
    assert lines[0].startswith("✘ Editors do not start in new environments: ")
    totals = "  53 targets: 46 up, 7 down. 7 required ones were not reached."
    assert totals in lines[:4]
    heads = [line for line in lines if line.startswith("✘ down  ")]
    assert len(heads) == 3
    causes = [line.split()[0].rstrip(",") for line in lines if "; affects " in line]
    assert set(causes) == THREE
    text = "\n".join(lines)
    assert text.count("What to do: ") == 3
    assert not re.search(r"\x1b|\?", text)

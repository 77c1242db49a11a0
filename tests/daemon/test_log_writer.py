"""Log output: a reader that is slow, stuck or gone, and a full disk, block and end nothing."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from monitor.daemon.log_writer import LogWriter


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End the writers of a test: the numbers of their descriptors are used again."""
    made: list[LogWriter] = []
    begin = LogWriter.__init__

    def note(self: LogWriter, *args: object, **options: object) -> None:
        begin(self, *args, **options)  # type: ignore[arg-type]
        made.append(self)

    monkeypatch.setattr(LogWriter, "__init__", note)
    yield
    for writer in made:
        writer.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    with suppress(OSError):
        os.close(reading)  # lets a blocked write fail
    time.sleep(0.01)
    with suppress(OSError):
        os.close(writing)


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


def read_lines(descriptor: int, until: Callable[[list[str]], bool]) -> list[str]:
    data = b""
    while not until(data.decode().splitlines()):
        data += os.read(descriptor, 65_536)
    return data.decode().splitlines()


def reported(lines: list[str]) -> int:
    """Sum up what the reports in ``lines`` say was dropped."""
    return sum(int(line.split()[1]) for line in lines if line.startswith("dropped "))


def test_lines_arrive_in_order(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = LogWriter(writing)
    for number in range(100):
        writer.write(f"line {number}\n")
    assert writer.drain(10)
    assert os.read(reading, 65_536).decode().splitlines() == [f"line {n}" for n in range(100)]
    assert (writer.dropped, writer.trouble) == (0, "")


def test_a_pipe_that_is_not_read_blocks_no_caller_and_what_is_lost_is_reported(
    pipe: tuple[int, int],
) -> None:
    reading, writing = pipe
    writer = LogWriter(writing, limit=10_000)
    writer.dropped_line = lambda count: f"dropped {count}\n"
    lines = 3_000
    begun = time.monotonic()
    for number in range(lines):
        writer.write(f"line {number:090}\n")
    assert time.monotonic() - begun < 10
    assert writer.dropped > 1_000
    got = read_lines(reading, lambda found: reported(found) == writer.dropped)
    numbers = [int(line.split()[1]) for line in got if line.startswith("line")]
    assert len(numbers) + writer.dropped == lines
    assert numbers == sorted(numbers)
    writer.write("after\n")
    assert read_lines(reading, lambda found: "after" in found) == ["after"]


def test_the_report_stands_where_the_gap_is(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    writer = LogWriter(writing, limit=5_000)
    writer.dropped_line = lambda count: f"dropped {count}\n"
    for _ in range(200):
        writer.write("x" * 99 + "\n")
    assert writer.dropped
    os.read(reading, 4096)
    assert eventually(lambda: writer._queued < 4_000)
    writer.write("later\n")
    got = read_lines(reading, lambda found: "later" in found)
    assert got[-1] == "later"
    assert reported(got) == writer.dropped


def test_a_stuck_reader_is_named(pipe: tuple[int, int]) -> None:
    now = [0.0]
    writer = LogWriter(pipe[1], clock=lambda: now[0])
    for _ in range(30):
        writer.write("x" * 9_999 + "\n")
    assert eventually(lambda: writer._writing_since is not None and writer._queued < 250_000)
    assert writer.trouble == ""
    now[0] = 60.0
    assert "reader" in writer.trouble


def test_a_closed_pipe_ends_nothing(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(reading)
    writer = LogWriter(writing, limit=1_000)
    for number in range(1_000):
        writer.write(f"line {number}\n")
    assert eventually(lambda: writer.trouble == "broken pipe")
    assert not writer.drain(0.1)
    assert writer.dropped > 0


def test_a_full_disk_is_retried_until_there_is_room(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        descriptor = os.dup(full.fileno())
    writer = LogWriter(descriptor, limit=1_000)
    writer.dropped_line = lambda count: f"dropped {count}\n"
    for number in range(200):
        writer.write(f"line {number}\n")
    assert eventually(lambda: writer.trouble == "no space left on device")
    path = tmp_path / "log"
    with path.open("wb") as file:
        os.dup2(file.fileno(), descriptor)
    assert writer.drain(20)
    got = path.read_text().splitlines()
    os.close(descriptor)
    assert got[0] == "line 0"
    assert reported(got) == writer.dropped > 0
    assert sum(line.startswith("line") for line in got) + writer.dropped == 200
    assert writer.trouble == ""


def test_a_descriptor_that_does_not_block_loses_nothing(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    writer = LogWriter(writing)
    lines = [f"line {number} {'x' * (number * 37 % 5_000)}" for number in range(100)]
    for line in lines:
        writer.write(f"{line}\n")
    assert read_lines(reading, lambda found: len(found) == 100 and found[-1] == lines[-1]) == lines
    assert (writer.dropped, writer.trouble) == (0, "")


def test_threads_write_whole_lines(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = LogWriter(writing)

    def many(name: str) -> None:
        for number in range(200):
            writer.write(f"{name} {number}\n")

    threads = [threading.Thread(target=many, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    got = read_lines(reading, lambda found: len(found) == 800)
    for thread in threads:
        thread.join()
    for name in "abcd":
        assert [line for line in got if line.startswith(name)] == [
            f"{name} {n}" for n in range(200)
        ]


def test_a_line_is_written_from_a_finalizer_inside_a_write(pipe: tuple[int, int]) -> None:
    writer = LogWriter(pipe[1])

    class Loud(str):
        def encode(self, *_: object) -> bytes:  # type: ignore[override]
            with writer._changed:
                writer.write("inner\n")
            return b"outer\n"

    with writer._changed:
        writer.write(Loud("outer\n"))
    assert writer.drain(10)
    assert os.read(pipe[0], 100) == b"inner\nouter\n"


def test_lone_surrogates_are_written_as_escapes(pipe: tuple[int, int]) -> None:
    writer = LogWriter(pipe[1])
    writer.write("bad \udcff name ü\n")
    assert writer.drain(10)
    assert os.read(pipe[0], 100) == "bad \\udcff name ü\n".encode()


SCRIPT = """
import os
from monitor.daemon.log_writer import LogWriter
writer = LogWriter(1)
for number in range(10_000):
    writer.write("x" * 99 + "\\n")
writer.drain(0.2)
print("end", file=open(2, "w", closefd=False))
"""


def test_the_process_ends_although_its_output_is_stuck(pipe: tuple[int, int]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        stdout=pipe[1], stderr=subprocess.PIPE, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == "end\n"

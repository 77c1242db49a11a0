"""The watch on files: a change is seen once, when the file rests, and none is missed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.common.watched_file import stamps_of
from monitor.daemon.config_watch import ConfigWatch

INTERVAL = 0.05


class Watched:
    def __init__(self, files: list[Path], missing: list[Path]) -> None:
        self.changes = 0
        self.files, self.missing = files, missing
        self.watch = ConfigWatch(
            lambda: self.files, lambda: self.missing, self.changed, stamps_of(files), INTERVAL
        )

    def changed(self) -> None:
        self.changes += 1

    async def until(self, changes: int) -> None:
        async with asyncio.timeout(20):
            while self.changes < changes:  # noqa: ASYNC110 - polls what the watch counts
                await asyncio.sleep(0.01)
        await asyncio.sleep(4 * INTERVAL)
        assert self.changes == changes


def put(path: Path, text: str) -> None:
    path.write_text(text)


def remove(path: Path) -> None:
    path.unlink()


def volume(folder: Path) -> Path:
    """Make two folders with the same file, and a link to the first."""
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "config.toml").write_text("same")
    link = folder / "..data"
    link.symlink_to("one")
    return link


def swap(link: Path, target: str) -> None:
    """Let a link lead elsewhere in one step."""
    link.with_name("new").symlink_to(target)
    link.with_name("new").rename(link)


@contextmanager
def watching(watched: Watched) -> Iterator[None]:
    task = asyncio.get_running_loop().create_task(watched.watch.run())
    try:
        yield
    finally:
        task.cancel()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("a")
    return path


async def test_a_change_before_the_first_look_is_seen(file: Path) -> None:
    watched = Watched([file], [])
    put(file, "changed between reading it and watching it")
    with watching(watched):
        await watched.until(1)


async def test_a_missing_file_that_comes_before_the_first_look_is_seen(
    file: Path, tmp_path: Path
) -> None:
    late = tmp_path / "late"
    watched = Watched([file], [late])
    put(late, "there already")
    with watching(watched):
        await watched.until(1)


async def test_changes_removal_and_return_are_seen_once_each(file: Path) -> None:
    watched = Watched([file], [])
    with watching(watched):
        await watched.until(0)
        put(file, "b" * 100)
        await watched.until(1)
        remove(file)
        await watched.until(2)
        put(file, "c")
        await watched.until(3)


async def test_a_file_that_a_reload_adds_is_no_change(file: Path, tmp_path: Path) -> None:
    watched = Watched([file], [])
    secret = tmp_path / "secret"
    put(secret, "x")
    with watching(watched):
        await watched.until(0)
        watched.files = [file, secret]
        await watched.until(0)
        put(secret, "rotated")
        await watched.until(1)


async def test_another_target_of_a_link_is_a_change(tmp_path: Path) -> None:
    data = volume(tmp_path)
    watched = Watched([data / "config.toml"], [])
    with watching(watched):
        await watched.until(0)
        swap(data, "two")
        await watched.until(1)

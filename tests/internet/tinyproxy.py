"""A real tinyproxy on loopback, with a login or without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from tests.internet.process import accepts, program, running


@contextmanager
def tinyproxy(
    folder: Path, port: int, *, login: tuple[str, str] | None = None, filtered: str = ""
) -> Iterator[Popen[bytes]]:
    """Run tinyproxy for the length of the block. ``login`` is its user and password,
    ``filtered`` a pattern of hosts that it refuses."""
    folder.mkdir(exist_ok=True)
    lines = [
        f"Port {port}",
        "Listen 127.0.0.1",
        "Timeout 30",
        f'PidFile "{folder}/tinyproxy.pid"',
        "MaxClients 50",
    ]
    if login:
        lines.append(f"BasicAuth {login[0]} {login[1]}")
    if filtered:
        (folder / "filter").write_text(f"{filtered}\n")
        lines += [f'Filter "{folder}/filter"', "FilterURLs Off"]
    config = folder / "tinyproxy.conf"
    config.write_text("\n".join([*lines, ""]))
    command = [program("tinyproxy"), "-d", "-c", str(config)]
    with running(command, folder / "tinyproxy.log", lambda: accepts(port)) as process:
        yield process

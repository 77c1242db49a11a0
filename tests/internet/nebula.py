"""A real Nebula lighthouse on loopback: Debian's nebula, no tunnel device, no root."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from monitor.net.nebula import encode_test
from tests.internet.process import program, running


def make_identity(folder: Path) -> None:
    """Make a CA and a lighthouse's certificate below ``folder``, once."""
    tool = program("nebula-cert")
    folder.mkdir(exist_ok=True)
    for line in (
        "ca -name test -out-crt ca.crt -out-key ca.key",
        "sign -name lighthouse -ip 192.168.100.1/24 -out-crt host.crt -out-key host.key",
    ):
        subprocess.run([tool, *line.split()], cwd=folder, check=True, capture_output=True)


def lighthouse_command(folder: Path, host: str, port: int) -> list[str]:
    """Write a lighthouse's configuration and return the command that runs it."""
    if not (folder / "host.crt").exists():
        make_identity(folder)
    config = {
        "pki": {name: str(folder / f"{file}") for name, file in _PKI.items()},
        "lighthouse": {"am_lighthouse": True},
        "listen": {"host": host, "port": port},
        "tun": {"disabled": True},
        "firewall": {"outbound": [], "inbound": []},
        "logging": {"level": "warning"},
    }
    path = folder / f"nebula-{host.replace(':', '_')}-{port}.yml"
    path.write_text(json.dumps(config))
    return [program("nebula"), "-config", str(path)]


_PKI = {"ca": "ca.crt", "cert": "host.crt", "key": "host.key"}


def answers(host: str, port: int) -> bool:
    """Whether a node answers a packet of an unknown tunnel there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        probe.connect((host, port))
        try:
            probe.send(encode_test(1))
            return bool(probe.recv(64))
        except OSError:
            return False


@contextmanager
def lighthouse(folder: Path, port: int, host: str = "127.0.0.1") -> Iterator[Popen[bytes]]:
    """Run a lighthouse for the length of the block."""
    command = lighthouse_command(folder, host, port)
    with running(command, folder / f"nebula-{port}.log", lambda: answers(host, port)) as process:
        yield process

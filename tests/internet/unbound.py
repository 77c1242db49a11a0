"""A real unbound on loopback: records, whole zones, refusals and failures, never upstream."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from monitor.net.dns.message import QType, encode_query
from tests.internet.process import accepts, free_port, program, running


@dataclass(frozen=True)
class NameServer:
    """A running name server: ``str`` of it is what ``[dns] servers`` takes."""

    address: str
    port: int
    process: Popen[bytes]

    @property
    def server(self) -> tuple[str, int]:
        return self.address, self.port

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


def unbound_command(
    folder: Path,
    host: str,
    port: int,
    *,
    records: Sequence[str] = (),
    zones: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    failing: Sequence[str] = (),
    extra: str = "",
) -> list[str]:
    """Write a configuration below ``folder`` and return the command that runs it.

    ``records`` are single records (``"a.test. 60 A 192.0.2.1"``; an alias among them is not
    followed), ``zones`` unbound's local-zone types by name (``refuse``, ``always_nodata``,
    ``deny`` …), ``files`` the text of whole zones by name (there aliases are followed),
    ``failing`` names below which every answer is SERVFAIL. Any other name does not exist.
    ``extra`` is configuration behind all that.
    """
    folder.mkdir(exist_ok=True)
    local = {".": "static", **(zones or {})}
    clauses = [f'local-zone: "{name}" {kind}' for name, kind in local.items()]
    clauses += [f'local-zone: "{name}" transparent' for name in (*(files or {}), *failing)]
    clauses += [f"local-data: '{record}'" for record in records]
    text = _SERVER.format(folder=folder, host=host, port=port, clauses="\n  ".join(clauses))
    for name, zone in (files or {}).items():
        path = folder / f"{name.rstrip('.')}.zone"
        path.write_text(zone)
        text += _ZONE.format(name=name, path=path)
    for name in failing:
        text += _ZONE.format(name=name, path="")
    config = folder / f"unbound-{host.replace(':', '_')}-{port}.conf"
    config.write_text(text + extra)
    return [program("unbound"), "-d", "-p", "-c", str(config)]


_SERVER = """server:
  chroot: ""
  username: ""
  directory: "{folder}"
  use-syslog: no
  logfile: ""
  num-threads: 1
  do-daemonize: no
  do-not-query-localhost: no
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  module-config: "iterator"
  minimal-responses: yes
  interface: {host}@{port}
  {clauses}
remote-control:
  control-enable: no
"""
_ZONE = """auth-zone:
  name: "{name}"
  zonefile: "{path}"
  for-downstream: yes
  for-upstream: yes
  fallback-enabled: no
"""


def answers(host: str, port: int) -> bool:
    """Whether a name server answers there, by UDP and TCP."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        probe.connect((host, port))
        try:
            probe.send(encode_query(1, "ready.invalid", QType.A))
            return bool(probe.recv(512)) and accepts(port, host)
        except OSError:
            return False


@contextmanager
def unbound(
    folder: Path,
    records: Sequence[str] = (),
    *,
    zones: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    failing: Sequence[str] = (),
    extra: str = "",
    host: str = "127.0.0.1",
    port: int | None = None,
) -> Iterator[NameServer]:
    """Run unbound for the length of the block; see ``unbound_command`` for what it says."""
    port = port or free_port(host=host)
    command = unbound_command(
        folder,
        host,
        port,
        records=records,
        zones=zones,
        files=files,
        failing=failing,
        extra=extra,
    )
    log = folder / f"unbound-{port}.log"
    with running(command, log, lambda: answers(host, port)) as process:
        yield NameServer(host, port, process)

"""A real nginx on loopback: sites by name and port, plain or with TLS."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from tests.internet.ca import Issued
from tests.internet.process import accepts, program, running, wait_until


@dataclass(frozen=True)
class Site:
    """One ``server`` block. ``body`` is nginx configuration inside it; without
    ``certificate`` the port is plain HTTP. ``address`` is what it listens on."""

    names: tuple[str, ...]
    port: int
    certificate: Issued | None = None
    body: str = "location / { return 200 'hello'; }"
    address: str = "127.0.0.1"

    def block(self) -> str:
        """Write it as nginx reads it."""
        where = f"[{self.address}]" if ":" in self.address else self.address
        listen = f"listen {where}:{self.port}{' ssl' if self.certificate else ''};"
        tls = ""
        if self.certificate:
            tls = (
                f"ssl_certificate {self.certificate.chain};"
                f"ssl_certificate_key {self.certificate.key};"
            )
        return f"server {{ {listen} server_name {' '.join(self.names)}; {tls} {self.body} }}"


def nginx_command(folder: Path, sites: Sequence[Site]) -> list[str]:
    """Write a configuration below ``folder`` and return the command that runs it."""
    folder.mkdir(exist_ok=True)
    user = "user root;" if os.geteuid() == 0 else ""
    temp = " ".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    blocks = "\n".join(site.block() for site in sites)
    config = folder / "nginx.conf"
    config.write_text(
        f"""{user} daemon off; worker_processes 1; pid {folder}/nginx.pid;
worker_shutdown_timeout 200ms;
error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
  server_names_hash_bucket_size 256; ssl_protocols TLSv1.2 TLSv1.3;
  access_log off; default_type text/plain; {temp}
  {blocks}
}}
"""
    )
    return [program("nginx"), "-c", str(config), "-p", str(folder), "-e", f"{folder}/start.log"]


def reload(process: Popen[bytes]) -> None:
    """Have a running nginx read its configuration again; returns once no worker has the old one.

    Established listeners stay open throughout, so that no connection is refused
    (nginx.org/en/docs/control.html, "Changing Configuration")."""
    before = _workers(process)
    process.send_signal(signal.SIGHUP)
    wait_until(
        lambda: bool(now := _workers(process)) and not now & before,
        "nginx has taken its new configuration (see start.log and error.log if not)",
        seconds=60.0,
    )


def _workers(process: Popen[bytes]) -> frozenset[str]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return frozenset(children.read_text().split())


@contextmanager
def nginx(folder: Path, sites: Sequence[Site]) -> Iterator[Popen[bytes]]:
    """Run nginx with ``sites`` for the length of the block, below ``folder``."""
    command = nginx_command(folder, sites)
    ends = {(site.port, site.address) for site in sites}
    with running(
        command, folder / "nginx.log", lambda: all(accepts(port, host) for port, host in ends)
    ) as process:
        yield process

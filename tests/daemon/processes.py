"""A real daemon process for tests: a quiet configuration, /healthz, its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monitor.catalog import load_catalog
from tests.internet.process import free_port, wait_until

QUIET = """
region = "eu-central-1"
account_id = "123456789012"
[metadata]
discover_identity = false
[discovery]
enabled = false
[dns]
probe_servers = false
servers = ["127.0.0.1:9"]
[schedule]
interval = "1s"
timeout = "500ms"
max_connections_per_second = 500
""" + "".join(f"[groups.{g}]\nenabled = false\n" for g in sorted({r.group for r in load_catalog()}))
"""A configuration without the catalogue: only what a test adds is probed."""


def endpoints(count: int, port: int, address: str = "127.0.0.1") -> str:
    """Return TCP endpoints at one local port."""
    return "".join(
        f'[[endpoint]]\nid = "e{number}"\nhost = "{address}"\nprotocol = "tcp"\nport = {port}\n'
        for number in range(count)
    )


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without what would configure a monitor."""
    kept = ("AWS_", "EGRESS_", "HTTP", "http", "NO_PROXY", "no_proxy", "NOTIFY", "WATCHDOG")
    return {k: v for k, v in os.environ.items() if not k.startswith(kept)} | more


@dataclass
class Daemon:
    """A configuration in ``folder``, and the process that runs with it."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def configure(self, text: str = "", listen: str | None = None, web: str = "") -> None:
        """Write the configuration."""
        listen = listen or f"127.0.0.1:{self.port}"
        self.config.write_text(f'{QUIET}[web]\nlisten = "{listen}"\n{web}\n{text}')

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "monitor", "run", "--config", str(self.config)]

    def start(self, **options: Any) -> subprocess.Popen[bytes]:
        """Start the process; its output goes to ``log`` unless ``stdout`` is given."""
        options.setdefault("env", environment())
        if "stdout" in options:
            self.process = subprocess.Popen(self.command, **options)
        else:
            with self.log.open("ab") as output:
                self.process = subprocess.Popen(
                    self.command, stdout=output, stderr=subprocess.STDOUT, **options
                )
        return self.process

    def get(self, path: str, timeout: float = 3.0, **headers: str) -> tuple[int, bytes]:
        """Return status and body; 0 without an answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def health(self) -> dict[str, Any]:
        """Return the document of /healthz; empty without an answer."""
        status, body = self.get("/healthz", Accept="application/json")
        return dict(json.loads(body)) if status else {}

    def wait_healthy(self, seconds: float = 30.0) -> None:
        self.wait(lambda: self.get("/healthz")[0] == 200, "/healthz answers 200", seconds)

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        """Wait until ``condition`` holds; fail if the process ends meanwhile."""
        assert self.process is not None
        ended = self.process.poll

        def ready() -> bool:
            assert ended() is None, f"it ended with {ended()}: {self.said()}"
            return condition()

        try:
            wait_until(ready, what, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; log: {self.said()}") from None

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-2_000:] if self.log.exists() else ""

    def lines(self, event: str = "") -> list[Mapping[str, Any]]:
        """Return the lines of the log, or those of one event."""
        lines = self.log.read_text().splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in found if not event or line["event"] == event]

    def stop(self) -> tuple[int | None, float]:
        """Send SIGTERM; return the exit status (None if it had to be killed) and the seconds."""
        assert self.process is not None
        begun = time.monotonic()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(12)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return None, time.monotonic() - begun
        return self.process.returncode, time.monotonic() - begun


@contextmanager
def daemon(folder: Path) -> Iterator[Daemon]:
    """Yield a daemon that is not started; end it after the block."""
    found = Daemon(folder)
    found.configure()
    try:
        yield found
    finally:
        if found.process is not None:
            found.stop()

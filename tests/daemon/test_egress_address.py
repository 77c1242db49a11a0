"""The public address as a user has it: the daemon and ``check`` with a service on loopback.

Covers: monitor/probes/egress_address.py, monitor/daemon/app.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.daemon.processes import daemon, endpoints, environment

SECRET = "t0ken-in-the-query"


@contextmanager
def service(body: bytes) -> Iterator[ThreadingHTTPServer]:
    """Serve a body on loopback; ``requests`` lists the paths that were requested."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    requests: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests = requests  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def table(server: ThreadingHTTPServer) -> str:
    url = f"http://127.0.0.1:{server.server_port}/me?{SECRET}"
    return f'[egress_address]\nurl = "{url}"\n'


def test_the_daemon_shows_the_address_and_hides_the_query(tmp_path: Path) -> None:
    with service(b"203.0.113.9\n") as server, daemon(tmp_path) as monitor:
        monitor.configure(endpoints(1, server.server_port) + table(server))
        monitor.start()
        monitor.wait_healthy()

        def known() -> bool:
            return b'"address": "203.0.113.9"' in monitor.get("/api/v1/targets")[1]

        monitor.wait(known, "the address is known")
        page = monitor.get("/")[1]
        assert b"203.0.113.9" in page
        metrics = monitor.get("/metrics")[1]
        assert b'egress_public_address_check_success{proxy_path="direct"} 1' in metrics
        found = monitor.lines("public address found")
        assert [line["address"] for line in found] == ["203.0.113.9"]
        everything = page + metrics + monitor.get("/api/v1/targets")[1] + monitor.log.read_bytes()
        assert SECRET.encode() not in everything
        assert server.requests == [f"/me?{SECRET}"]  # type: ignore[attr-defined]


def test_check_prints_the_address_or_the_reason(tmp_path: Path) -> None:
    with service(b"203.0.113.9") as good, service(b"<html>") as bad, daemon(tmp_path) as monitor:

        def check(*words: str) -> str:
            command = [sys.executable, "-m", "monitor", "check", "--config", str(monitor.config)]
            done = subprocess.run(
                [*command, *words], env=environment(), capture_output=True, text=True, check=False
            )
            assert SECRET not in done.stdout + done.stderr
            return done.stdout

        monitor.configure(endpoints(1, good.server_port) + table(good))
        assert "Public address: 203.0.113.9 directly." in check()
        (path,) = json.loads(check("--format", "json"))["egress_addresses"]
        assert (path["proxy_path"], path["failure"]) == ("direct", None)
        assert [row["address"] for row in path["addresses"]] == ["203.0.113.9"]
        monitor.configure(endpoints(1, good.server_port) + table(bad))
        printed = " ".join(check().split())
        assert "could not be checked: 127.0.0.1 sent 6 bytes that are not an IP address." in printed
        monitor.configure(endpoints(1, good.server_port))
        assert "Public address" not in check()

"""One monitor with everything on and a secret in every place that takes one: none gets out."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from monitor.catalog import load_catalog
from tests.internet.process import accepts, free_port, running, wait_until

CANARY = "cAnArY"
"""What every secret holds."""

PATHS = (
    "/", "/targets/web", "/targets/secure", "/metrics", "/healthz", "/readyz",
    "/api/v1/targets", "/api/v1/targets/web", "/api/v1/targets/web/history",
    "/api/v1/incidents", "/api/v1/gateways", "/nothing?token=cAnArY", "/targets/cAnArY",
)  # fmt: skip
FORMS = ("text", "json", "markdown", "junit", "csv")


class Parrot(BaseHTTPRequestHandler):
    """Repeats in its refusal whatever it was sent, in body, reason and headers, as proxies do that
    are debugged, and redirects to a URL with secrets."""

    def version_string(self) -> str:
        return f"debug {self.credentials()}"

    def credentials(self) -> str:
        """The values of all headers that hold a secret."""
        names = ("authorization", "x-", "cookie")
        sent = getattr(self, "headers", {})  # none of a request that cannot be read
        return " ".join(v for k, v in sent.items() if any(n in k.lower() for n in names))

    def do_GET(self) -> None:
        sent = f"{self.requestline} {self.headers}".encode()
        found = self.path.startswith("/moved")
        self.send_response(302 if found else 403, f"Forbidden {self.credentials()[:200]}")
        for name in ("Via", "X-Cache", "Retry-After", "Content-Type", "Age", "Proxy-Status"):
            self.send_header(name, f"1.1 parrot ({self.credentials()})")
        if found:
            self.send_header("Location", f"http://u:{CANARY}@elsewhere.test/p?token={CANARY}")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    do_POST = do_PUT = do_CONNECT = do_HEAD = do_GET  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def parrot() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Parrot)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def secret(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text(f"{CANARY}-{name}")
    return path


def configuration(folder: Path, parrot: int, web: int, silent: int) -> Path:
    groups = sorted({row.group for row in load_catalog()})
    off = "".join(f"[groups.{name}]\nenabled = false\n" for name in groups)
    path = folder / "config.toml"
    path.write_text(
        f"""[schedule]
interval = "1s"
timeout = "500ms"
[dns]
probe_servers = false
[metadata]
endpoint = "http://127.0.0.1:{parrot}"
[log]
format = "json"
level = "debug"
[proxy]
mode = "both"
https = "http://127.0.0.1:{parrot}"
username = "me"
password_file = "{secret(folder, "proxy")}"
[web]
listen = "127.0.0.1:{web}"
username = "me"
password_file = "{secret(folder, "page")}"
token_file = "{secret(folder, "page-token")}"
[state]
directory = "{folder}/state"
[mqtt]
url = "mqtt://127.0.0.1:{silent}"
username = "me"
password_file = "{secret(folder, "mqtt")}"
{"".join(destination(folder, name, parrot, how) for name, how in proxy_paths(folder).items())}
[[remote_write]]
name = "silent"
url = "http://127.0.0.1:{silent}/write?token={CANARY}"
proxy = ""
[[endpoint]]
id = "web"
host = "127.0.0.1"
protocol = "http"
port = {parrot}
path = "/moved?token={CANARY}"
[[endpoint]]
id = "secure"
host = "secure.test"
address = "127.0.0.1"
protocol = "https"
port = {parrot}
path = "/p?token={CANARY}"
[[endpoint]]
id = "hangs"
host = "127.0.0.1"
protocol = "http"
port = {silent}
path = "/p?token={CANARY}"
{off}
"""
    )
    return path


def proxy_paths(folder: Path) -> dict[str, str]:
    """The ways of proving who writes."""
    return {
        "basic": f'username = "me"\npassword_file = "{secret(folder, "write")}"',
        "bearer": f'bearer_token_file = "{secret(folder, "bearer")}"',
        "signed": 'sigv4_region = "eu-central-1"',
        "headers": f'headers = {{ X-Key = "{CANARY}" }}\n'
        f'header_files = {{ X-File = "{secret(folder, "header")}" }}',
    }


def destination(folder: Path, name: str, port: int, how: str) -> str:
    url = f"http://127.0.0.1:{port}/write?token={CANARY}"
    return f"""[[remote_write]]
name = "{name}"
url = "{url}"
proxy = ""
send_interval = "1s"
{how}
"""


def environ(parrot: int) -> dict[str, str]:
    proxy = f"http://me:{CANARY}@127.0.0.1:{parrot}"
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | {
        "HTTP_PROXY": proxy,
        "HTTPS_PROXY": proxy,
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": CANARY,
        "AWS_SESSION_TOKEN": f"{CANARY}-session",
        "AWS_REGION": "eu-central-1",
        "PYTHONASYNCIODEBUG": "1",
        "PYTHONWARNINGS": "error::ResourceWarning",
    }


def leaks(where: str, text: str) -> list[str]:
    """Return where a secret is, as it is or in base64 wherever a login begins."""
    login = base64.b64encode(f"me:{CANARY}".encode()).decode()[:11]
    found = [line for line in text.splitlines() if CANARY in line or login in line]
    return [f"{where}: {line[:600]}" for line in found]


def page(web: int, path: str) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{web}{path}")
    request.add_header("Authorization", f"Bearer {CANARY}-page-token")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            head, body = str(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        head, body = str(error.headers), error.read().decode()
    return head + body


def printed(command: list[str], parrot: int) -> str:
    """Return what a command prints."""
    run = subprocess.run(
        command, env=environ(parrot), capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode in {0, 1}, run.stderr
    return run.stdout + run.stderr


@pytest.mark.slow
def test_no_secret_gets_out_and_the_end_comes_in_time(tmp_path: Path, parrot: int):
    web = free_port()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path = configuration(tmp_path, parrot, web, silent.getsockname()[1])
        command = [sys.executable, "-m", "monitor"]
        given = ["--config", str(path)]
        log = tmp_path / "monitor.log"
        found: list[str] = []
        with running(
            [*command, "run", *given], log, lambda: accepts(web), env=environ(parrot)
        ) as process:
            wait_until(
                lambda: log.read_text().count('"failure": "denied"') >= 4, "all are denied", 20
            )
            wait_until(lambda: "incident opened" in log.read_text(), "an incident", 20)
            for where in PATHS:
                found += leaks(where, page(web, where))
            streams = [socket.create_connection(("127.0.0.1", web)) for _ in range(3)]
            streams[0].sendall(
                b"GET /events HTTP/1.1\r\nHost: x\r\n"
                b"Authorization: Bearer " + CANARY.encode() + b"-page-token\r\n\r\n"
            )
            streams[1].sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
            assert b"200" in streams[0].recv(100)
            process.send_signal(signal.SIGHUP)
            process.send_signal(signal.SIGHUP)
            wait_until(lambda: "configuration reloaded" in log.read_text(), "a reload")
            path.rename(tmp_path / "kept.toml")
            path.write_text(f'[proxy]\nhttps = "http://me:{CANARY}@h"\nmode = "config"\n')
            process.send_signal(signal.SIGHUP)
            wait_until(lambda: "configuration kept" in log.read_text(), "a refusal")
            (tmp_path / "kept.toml").replace(path)
            process.terminate()
            assert process.wait(5) == 0
            for stream in streams:
                stream.close()
        said = log.read_text()
        found += leaks("log", said)
        asked = [["check", "--format", form] for form in FORMS]
        asked += [["check", "--firewall-request"], ["endpoints"], ["validate"]]
        for words in asked:
            found += leaks(" ".join(words), printed([*command, *words, *given], parrot))
    for file in (tmp_path / "state").rglob("*"):
        assert not file.stat().st_mode & 0o077, file
        if file.is_file():
            found += leaks(str(file), file.read_bytes().decode("latin-1"))
    assert not found
    for word in ("Traceback", "was destroyed", "never retrieved", "awaited", "ResourceWarning"):
        assert word not in said, said[-3000:]

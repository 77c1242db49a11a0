"""The health check: it reads the configuration as the monitor does, and imports none of it."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from monitor.cli import healthcheck
from monitor.config import load_settings
from tests.internet.process import free_port


@contextmanager
def answering(status: int) -> Iterator[int]:
    """Serve that status on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def test_the_status_decides(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(200) as port:
        assert healthcheck.run(["--port", str(port)], {}) == 0
    with answering(503) as port:
        assert healthcheck.run([f"--port={port}"], {}) == 1
    assert "answered 503" in capsys.readouterr().err
    assert healthcheck.run(["--port", str(free_port())], {}) == 1
    assert "refused" in capsys.readouterr().err


def test_an_answer_that_is_not_http_is_unhealthy(capsys: pytest.CaptureFixture[str]) -> None:
    for junk in (b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 2\r\n", b"\0" * 100_000):
        with sending(junk) as port:
            assert healthcheck.check(None, port, {}) == 1
    assert "not HTTP" in capsys.readouterr().err


@contextmanager
def sending(data: bytes) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(data)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


def test_a_peer_that_trickles_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healthcheck, "TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    while True:
                        connection.sendall(b"H")
                        time.sleep(0.05)
                except OSError:
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert healthcheck.check(None, server.getsockname()[1], {}) == 1
        thread.join(5)
        assert not thread.is_alive()


CONFIGURATIONS = [
    "",
    '[web]\nlisten = "127.0.0.1:8080"\n',
    '# listen = "1.2.3.4:1"\n[web]\n  listen="0.0.0.0:8081"   # all\n',
    '[web]\nlisten = "[::1]:8082"\n[log]\nlevel = "debug"\n',
    "[log]\nlevel = \"info\"\n[web] # page\nlisten = '127.0.0.2:8083'\n",
    'web = { listen = "127.0.0.1:8084" }\n',
    'web.listen = "127.0.0.1:8085"\n',
    '["web"]\nlisten = "127.0.0.1:8086"\n',
    '[ web ]\nlisten = "127.0.0.1:8087"\n',
    '[web]\n"listen" = "127.0.0.1:8088"\n',
    '[web]\nlisten = "127.0.0.1:\\u0038089"\n',
    '[web]\nlisten = """127.0.0.1:8090"""\n',
    '[[endpoint]]\nid = "x"\nhost = "h.test"\nnote = """\n[web]\nlisten = "127.0.0.1:1"\n"""\n',
    '[mqtt]\nurl = "mqtt://listen.test"\n[web]\nlisten = "127.0.0.1:8091"\n',
]


@pytest.mark.parametrize("text", CONFIGURATIONS)
@pytest.mark.parametrize("given", [{}, {"EGRESS_MONITOR_WEB__LISTEN": "127.0.0.1:9999"}])
def test_it_asks_where_the_monitor_listens(
    tmp_path: Path, text: str, given: dict[str, str]
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    web = load_settings(path, given).web
    host = {"0.0.0.0": "127.0.0.1"}.get(web.host, web.host)
    found = healthcheck.web_settings(str(path), given)
    assert healthcheck.address_of(found.get("listen", "")) == (host, web.port)


def test_the_configuration_comes_from_the_same_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = '[web]\nlisten = "127.0.0.1:1{}"\n'
    (tmp_path / "config.toml").write_text(text.format(1))
    (tmp_path / "other.toml").write_text(text.format(2))

    def port(config: str | None = None, **environ: str) -> int:
        return healthcheck.address_of(healthcheck.web_settings(config, environ)["listen"])[1]

    assert port() == 11
    assert port(EGRESS_MONITOR_CONFIG_TOML=text.format(3)) == 13
    assert port(EGRESS_MONITOR_CONFIG="other.toml") == 12
    assert port("other.toml", EGRESS_MONITOR_CONFIG_TOML=text.format(3)) == 12


@pytest.mark.parametrize("text", ["[web\nlisten = 1", "a = [[[", '[web]\nlisten = "nowhere"\n'])
def test_a_configuration_that_is_broken_leaves_the_default(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    listen = healthcheck.web_settings(str(path), {}).get("listen", "")
    assert healthcheck.address_of(listen) == ("127.0.0.1", 9242)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--port"], ["--port", "0"], ["--port=x"], ["y"]]
)
def test_what_needs_an_explanation_is_left_to_the_command_line(arguments: list[str]) -> None:
    assert healthcheck.run(arguments, {}) is None


def test_it_imports_nothing_of_the_product_and_no_parser() -> None:
    code = (
        "import sys\nfrom monitor.__main__ import main\n"
        f"main(['healthcheck', '--port', '{free_port()}'])\n"
        "print(sorted(m for m in sys.modules if m.startswith('monitor')))\n"
        "print(sorted({'argparse', 'tomllib', 'ssl', 'pathlib', 're'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    modules, others = done.stdout.splitlines()
    assert modules == "['monitor', 'monitor.__main__', 'monitor.cli', 'monitor.cli.healthcheck']"
    assert others == "[]"

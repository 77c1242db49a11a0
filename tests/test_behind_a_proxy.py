"""The commands on a machine behind a proxy with a login: the way of each target, what NO_PROXY
lacks, and no password anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitor.catalog import load_catalog
from tests.internet.ca import Authority
from tests.internet.nginx import Site, nginx
from tests.internet.process import free_port, running
from tests.internet.squid import squid

PASSWORD = "s3cr3t-p4ss"
LOGIN = f"mon:{PASSWORD}"


@dataclass(frozen=True)
class Machine:
    """A configuration of four targets, and the environment that the monitor is run in."""

    config: Path
    proxy: int
    web: int

    def environ(self, login: str = LOGIN, **more: str) -> dict[str, str]:
        proxy = f"http://{login}@127.0.0.1:{self.proxy}"
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, "HTTPS_PROXY": proxy, "http_proxy": proxy, **more}

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "monitor", *arguments, "--config", str(self.config)]
        return subprocess.run(
            command, env=self.environ(**environ), capture_output=True, text=True, check=False
        )


def target(name: str, protocol: str, port: int, *more: str) -> str:
    lines = [f'id = "{name}"', f'host = "{name}.test"', f'protocol = "{protocol}"']
    return "\n".join(["[[endpoint]]", *lines, f"port = {port}", 'address = "127.0.0.1"', *more])


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("behind")
    authority = Authority(folder)
    origin, proxy, web = free_port(), free_port(), free_port()
    certificate = authority.issue("proxied.test", "direct.test", "compared.test")
    off = "\n".join(
        f"[groups.{group}]\nenabled = false" for group in sorted({r.group for r in load_catalog()})
    )
    config = folder / "config.toml"
    config.write_text(
        "\n".join(
            [
                '[schedule]\ninterval = "2s"\ntimeout = "1s"\n[dns]',
                f'servers = ["127.0.0.1:{web}"]',
                "probe_servers = false\n[metadata]\ndiscover_identity = false",
                f'[tls]\nca_file = "{authority.file}"\n[web]\nlisten = "127.0.0.1:{web}"',
                off,
                target("proxied", "https", origin),
                target("direct", "https", origin),
                target("compared", "https", origin, 'proxy = "both"'),
                target("plain", "tcp", origin),
            ]
        )
    )
    with (
        nginx(folder / "nginx", [Site(("proxied.test",), origin, certificate)]),
        squid(proxy, users={"mon": PASSWORD}),
    ):
        yield Machine(config, proxy, web)


def endpoints_shown(text: str) -> dict[str, str]:
    """The endpoint of each target by its id: the indented lines behind the target's own."""
    shown: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("  ✔ "):
            name = line.split()[2]
        elif line.startswith("    ") and name:
            shown.setdefault(name, []).append(line.strip())
    return {name: " ".join(lines) for name, lines in shown.items()}


def test_check_shows_the_way_of_each_target_and_each_missing_entry(machine: Machine) -> None:
    done = machine.run("check", "--all", NO_PROXY="direct.test,.internal,.amazonaws.com")
    assert done.returncode == 0, done.stdout + done.stderr
    proxy_path = f"through 127.0.0.1:{machine.proxy}"
    rows = endpoints_shown(done.stdout)
    assert rows["proxied"].endswith(f", {proxy_path}")
    assert rows["direct"].endswith(", directly")
    assert f", {proxy_path}; directly in " in rows["compared"]
    assert rows["plain"].endswith(", directly, as always")
    for entry in ("169.254.0.0/16", "app.gitpod.io"):
        assert f"NO_PROXY lacks {entry}, " in done.stdout
    for entry in (".internal", ".amazonaws.com"):
        assert f"NO_PROXY lacks {entry}" not in done.stdout


def test_check_tells_the_same_as_json(machine: Machine) -> None:
    done = machine.run("check", "--format", "json", NO_PROXY="direct.test,.internal")
    document = json.loads(done.stdout)
    targets = {shown["id"]: shown for shown in document["targets"]}
    proxy_paths = {
        name: (shown["proxy_path"], shown["may_be_proxied"]) for name, shown in targets.items()
    }
    assert proxy_paths == {
        "proxied": ("proxy", True),
        "direct": ("direct", True),
        "compared": ("proxy", True),
        "plain": ("direct", False),
    }
    assert targets["compared"]["ways_compared"] == "both_ways"
    assert set(targets["compared"]["proxy_paths"]) == {"proxy", "direct"}
    assert targets["compared"]["proxy_paths"]["proxy"]["phases"]["proxy"] > 0
    missing = ["169.254.0.0/16", "app.gitpod.io", ".amazonaws.com"]
    assert document["proxies"]["no_proxy_missing"] == missing
    assert document["proxies"]["https"] == f"127.0.0.1:{machine.proxy}"


def test_validate_names_each_missing_entry_and_an_all_proxy_that_nobody_reads(
    machine: Machine,
) -> None:
    done = machine.run("validate", http_proxy="", ALL_PROXY="socks5://a.test:1")
    assert done.returncode == 0
    assert done.stdout.count("warning: NO_PROXY lacks ") == 4
    assert "warning: ALL_PROXY is set, but the runner (Go's net/http) ignores it" in done.stdout


@pytest.mark.parametrize("login", [LOGIN, f"other:{PASSWORD}"])
@pytest.mark.parametrize("form", ["text", "json", "markdown", "junit", "csv"])
def test_no_output_of_check_holds_the_password(machine: Machine, login: str, form: str) -> None:
    done = machine.run("check", "--format", form, login=login)
    assert done.returncode == (0 if login == LOGIN else 1)
    assert PASSWORD not in done.stdout + done.stderr
    if login != LOGIN and form == "text":
        assert "proxy_auth_required" in done.stdout


@contextmanager
def daemon(machine: Machine, log: Path, environ: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "monitor", "run", "--config", str(machine.config)]
    with running(command, log, lambda: _is_ready(machine), env=environ):
        yield


def _is_ready(machine: Machine) -> bool:
    try:
        return bool(_get(machine, "/readyz"))
    except OSError:
        return False


def _get(machine: Machine, path: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{machine.web}{path}", timeout=5) as answer:
        return str(answer.read().decode())


def test_a_daemon_tells_it_in_log_metrics_and_api_and_keeps_the_password(
    machine: Machine, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    environ = machine.environ(NO_PROXY="direct.test,.internal") | {
        "EGRESS_MONITOR_LOG__LEVEL": "debug"
    }
    with daemon(machine, log, environ):
        paths = ("/metrics", "/api/v1/targets", "/api/v1/targets/compared", "/")
        told = {path: _get(machine, path) for path in paths}
    assert 'egress_no_proxy_missing{entry=".amazonaws.com"} 1.0' in told["/metrics"]
    assert 'egress_no_proxy_missing{entry=".internal"} 0.0' in told["/metrics"]
    for path in ("proxy", "direct"):
        series = f'egress_path_success{{group="custom",proxy_path="{path}",target="compared"}} 1.0'
        assert series in told["/metrics"]
    assert 'target="direct"' not in "".join(
        line for line in told["/metrics"].splitlines() if line.startswith("egress_path_success")
    )
    assert ".amazonaws.com" in json.loads(told["/api/v1/targets"])["proxies"]["no_proxy_missing"]
    written = log.read_text()
    assert written.count("NO_PROXY lacks .amazonaws.com") == 1
    assert PASSWORD not in written + "".join(told.values())

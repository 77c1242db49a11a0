"""Discovery as a user has it: the daemon, ``check`` and ``endpoints`` against origins that answer
as the real ones do.

Covers: monitor/daemon/app.py, monitor/cli/endpoints.py, monitor/cli/one_shot_discovery.py,
monitor/present/endpoints_text.py
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monitor.catalog import load_catalog
from tests.internet import origins as real
from tests.internet.ca import Authority
from tests.internet.origins import Origins, Said, serving
from tests.internet.process import accepts, free_port, running, wait_until

GROUPS = ("vscode", "release_artifacts", "container_registries")
LAYERS = "registry-public-ecr-layers"
DOWNLOADS = f"redirect-{real.VSCODE_DOWNLOADS}"
MCR = f"redirect-{real.MCR_DATA}"


@dataclass
class Place:
    """A monitor's configuration, the origins that it is to ask, and where it serves."""

    folder: Path
    web: Origins
    config: Path
    port: int

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return bytes(answer.read())

    def targets(self) -> dict[str, dict[str, Any]]:
        return {t["id"]: t for t in json.loads(self.get("/api/v1/targets"))["targets"]}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "monitor", *words, "--config", str(self.config)]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment(),
        )


def environment() -> dict[str, str]:
    kept = ("AWS_", "EGRESS_", "HTTP", "http", "NO_PROXY", "no_proxy")
    return {k: v for k, v in os.environ.items() if not k.startswith(kept)}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    authority = Authority(tmp_path)
    rows = [row for row in load_catalog() if row.group in GROUPS]
    others = sorted({row.group for row in load_catalog()} - set(GROUPS))
    unpkg, assets = "editorconfig.vscode-unpkg.net", "editorconfig.gallerycdn.vsassets.io"
    with serving(authority, unpkg, assets, *{row.host for row in rows}) as web:
        port = free_port()
        here = f'address = "127.0.0.1"\nconnect_port = {web.server_port}\n'
        text = f"""[schedule]
interval = "1s"
timeout = "900ms"
[tls]
ca_file = "{authority.file}"
system_store = false
[dns]
probe_servers = false
[proxy]
mode = "none"
[metadata]
discover_identity = false
[web]
listen = "127.0.0.1:{port}"
[state]
directory = "{tmp_path / "state"}"
"""
        text += "".join(f"[groups.{name}]\nenabled = false\n" for name in others)
        names = [*(row.id for row in rows), DOWNLOADS, MCR]
        text += "".join(f"[targets.{json.dumps(name)}]\n{here}" for name in names)
        config = tmp_path / "config.toml"
        config.write_text(text)
        yield Place(tmp_path, web, config, port)


@contextmanager
def monitor(place: Place) -> Iterator[subprocess.Popen[bytes]]:
    log = place.folder / "monitor.log"
    ready = lambda: accepts(place.port)  # noqa: E731
    with running(place.command("run"), log, ready, env=environment()) as process:
        yield process


def found(place: Place) -> bool:
    """Whether every chain has come to its end and everything is up."""
    shown = place.targets()
    standins = [t["wildcard_sample"] for t in shown.values() if t["wildcard_sample"]]
    everything = {DOWNLOADS, MCR} <= shown.keys()
    by_chain = all(wildcard_sample["found_by"] == "chain" for wildcard_sample in standins)
    return everything and by_chain and all(t["state"] == "up" for t in shown.values())


def unlisted(place: Place) -> dict[str, list[str]]:
    """The hosts that the allow-list misses, and who redirects there."""
    hosts = json.loads(place.get("/api/v1/targets"))["discovery"]["unlisted_hosts"]
    return {host["host"]: host["redirected_by"] for host in hosts}


def shown_anywhere(place: Place) -> str:
    paths = ("/", "/metrics", "/api/v1/targets", f"/api/v1/targets/{LAYERS}", "/api/v1/incidents")
    parts = [place.get(path).decode() for path in paths]
    parts += [path.read_text() for path in (place.folder / "state").iterdir()]
    return "".join(parts) + (place.folder / "monitor.log").read_text()


def test_the_daemon_finds_every_wildcard_and_every_unlisted_host_and_remembers(
    place: Place,
) -> None:
    with monitor(place) as process:
        wait_until(lambda: found(place), "everything is found and up", 30)
        shown = place.targets()
        assert shown[LAYERS]["host"] == real.LAYERS
        assert shown[LAYERS]["wildcard_sample"]["chain"] == "public-ecr-layers"
        assert shown["vscode-server-x64"]["path"].startswith(f"/commit:{real.COMMIT}/")
        assert not shown[DOWNLOADS]["required"]
        discovery = json.loads(place.get("/api/v1/targets"))["discovery"]
        assert all(chain["ok"] for chain in discovery["chains"])
        expected = {
            real.VSCODE_DOWNLOADS: ["vscode-server-arm64", "vscode-server-x64"],
            real.MCR_DATA: ["registry-mcr"],
        }
        wait_until(lambda: unlisted(place) == expected, "who redirects where is known")
        metrics = place.get("/metrics").decode()
        assert f'found_by="chain",group="container_registries",host="{real.LAYERS}"' in metrics
        assert "egress_unlisted_redirect_hosts 2.0" in metrics
        secrets = (real.TOKEN, real.SIGNATURE, "Signature", "Bearer")
        text = shown_anywhere(place)
        assert [secret for secret in secrets if secret in text] == []
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    chains = [path for path in place.web.asked if "/manifests/" in path or "/token" in path]
    with monitor(place):
        wait_until(lambda: found(place), "as before", 30)
        again = [path for path in place.web.asked if "/manifests/" in path or "/token" in path]
    # registry-mcr itself asks for a manifest, all the time.
    assert [p for p in again[len(chains) :] if not p.startswith("mcr.")] == []
    document = json.loads(place.run("endpoints", "--format", "json").stdout)
    listed = {row["id"]: row for row in document["endpoints"]}
    assert listed[LAYERS]["wildcard_sample"]["host"] == real.LAYERS
    assert listed[DOWNLOADS]["source"] == "derived"


def test_check_says_what_the_allow_list_misses_and_where_discovery_broke(place: Place) -> None:
    done = place.run("check", "--all")
    assert done.returncode == 0, done.stdout + done.stderr
    flat = " ".join(done.stdout.split())
    assert f"Not on the allow-list: {real.VSCODE_DOWNLOADS}:443" in flat
    assert "Discovery" not in flat
    assert real.LAYERS in flat

    answer = place.web.answers["public.ecr.aws"]
    place.web.answers["public.ecr.aws"] = lambda path, headers: (
        Said(429) if "/manifests/" in path else answer(path, headers)
    )
    done = place.run("check", "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    (broken,) = [c["broken"] for c in document["discovery"]["chains"] if not c["ok"]]
    assert (broken["chain"], broken["number"], broken["cause"]) == (
        "public-ecr-layers",
        2,
        "http_status",
    )
    layers = next(t for t in document["targets"] if t["id"] == LAYERS)
    assert (layers["wildcard_sample"]["found_by"], layers["state"]) == ("catalog", "up")
    assert real.TOKEN not in done.stdout + done.stderr

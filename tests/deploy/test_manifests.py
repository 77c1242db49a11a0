"""The manifests for Kubernetes and systemd: what they start is right, and may do nothing more."""

from __future__ import annotations

import os
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

import monitor
from monitor.config import load_settings
from monitor.model.settings import Shard

DEPLOY = Path(__file__).parents[2] / "deploy"
STATE = "/var/lib/egress-monitor"


@pytest.fixture
def kubernetes() -> dict[str, dict]:
    text = (DEPLOY / "kubernetes" / "egress-monitor.yaml").read_text()
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


@pytest.fixture
def unit() -> ConfigParser:
    parser = ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / "systemd" / "egress-monitor.service")
    return parser


def pod(kubernetes: dict[str, dict]) -> dict:
    return dict(kubernetes["StatefulSet"]["spec"]["template"]["spec"])


def test_the_pod_needs_no_root_no_capability_and_no_writable_root(kubernetes: dict[str, dict]):
    (container,) = pod(kubernetes)["containers"]
    assert pod(kubernetes)["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["image"].endswith(f"/egress-monitor:{monitor.__version__}")


def test_its_ports_selectors_and_volumes_fit(kubernetes: dict[str, dict]):
    (container,) = pod(kubernetes)["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": 9242}]
    labels = kubernetes["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
    assert kubernetes["Service"]["spec"]["selector"] == labels
    claimed = {
        c["metadata"]["name"] for c in kubernetes["StatefulSet"]["spec"]["volumeClaimTemplates"]
    }
    given = claimed | {volume["name"] for volume in pod(kubernetes)["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert set(mounts) == given
    assert mounts["state"] == STATE


@pytest.mark.parametrize(
    ("host", "shards", "shard"), [("em-0", "1", (1, 1)), ("em-2", "3", (3, 3))]
)
def test_each_pod_gets_its_share(
    kubernetes: dict[str, dict], tmp_path: Path, host: str, shards: str, shard: tuple[int, int]
):
    program = tmp_path / "egress-monitor"
    program.write_text('#!/bin/sh\necho "$EGRESS_MONITOR_SHARD $1"\n')
    program.chmod(0o755)
    (container,) = pod(kubernetes)["containers"]
    command = [*container["command"], *container["args"]]
    path = f"{tmp_path}:{os.environ['PATH']}"
    environ = {"PATH": path, "HOSTNAME": host, "SHARDS": shards}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    given, what = done.stdout.split()
    assert what == "run"
    config = tmp_path / "config.toml"
    config.write_text(kubernetes["ConfigMap"]["data"]["config.toml"])
    settings = load_settings(config, {"EGRESS_MONITOR_SHARD": given})
    assert settings.shard == Shard(*shard)
    assert settings.state.directory == Path(STATE)


def test_the_unit_runs_reloads_and_may_do_nothing_more(unit: ConfigParser):
    service = unit["Service"]
    assert service["ExecStart"].split()[1:] == [
        "run", "--config", "/etc/egress-monitor/config.toml",
    ]  # fmt: skip
    assert "-HUP" in service["ExecReload"]
    assert (service["DynamicUser"], service["CapabilityBoundingSet"]) == ("yes", "")
    assert (service["ProtectSystem"], service["StateDirectory"]) == ("strict", "egress-monitor")
    assert service["RestartPreventExitStatus"] == "2", "a wrong configuration stays wrong"

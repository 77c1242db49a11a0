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
from monitor.daemon import signals
from monitor.model.settings import Shard
from tests.internet.process import program

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
    assert pod(kubernetes)["automountServiceAccountToken"] is False
    assert pod(kubernetes)["enableServiceLinks"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
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
    token = tmp_path / "token"
    token.write_text("t0ken")
    text = kubernetes["ConfigMap"]["data"]["config.toml"]
    config.write_text(text.replace("/run/secrets/egress-monitor/token", str(token)))
    settings = load_settings(config, {"EGRESS_MONITOR_SHARD": given})
    assert settings.shard == Shard(*shard)
    assert settings.state.directory == Path(STATE)


def test_the_port_on_the_node_s_network_asks_for_a_token(kubernetes: dict[str, dict]):
    assert pod(kubernetes)["hostNetwork"] is True
    text = kubernetes["ConfigMap"]["data"]["config.toml"]
    assert 'token_file = "/run/secrets/egress-monitor/token"' in text
    assert "open_metrics" not in text
    (container,) = pod(kubernetes)["containers"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounts["/run/secrets/egress-monitor"]["readOnly"] is True


def test_the_unit_runs_reloads_and_may_do_nothing_more(unit: ConfigParser):
    service = unit["Service"]
    assert service["ExecStart"].split()[1:] == [
        "run", "--config", "/etc/egress-monitor/config.toml",
    ]  # fmt: skip
    assert "-HUP" in service["ExecReload"]
    assert (service["DynamicUser"], service["CapabilityBoundingSet"]) == ("yes", "")
    assert (service["ProtectSystem"], service["StateDirectory"]) == ("strict", "egress-monitor")
    assert service["RestartPreventExitStatus"] == "2", "a wrong configuration stays wrong"
    assert (service["Type"], service["NotifyAccess"]) == ("notify", "main")
    assert int(service["WatchdogSec"]) >= 30
    assert int(service["TimeoutStopSec"]) > signals.STOP_SECONDS
    assert service["Restart"] == "always"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0", "systemd never gives up"


@pytest.mark.parametrize(
    "option",
    ["NoNewPrivileges", "RestrictSUIDSGID", "MemoryDenyWriteExecute", "PrivateUsers", "RemoveIPC"],
)
def test_the_unit_is_hardened(unit: ConfigParser, option: str):
    assert unit["Service"][option] == "yes"
    assert unit["Service"]["SystemCallArchitectures"] == "native"
    assert int(unit["Service"]["LimitNOFILE"]) >= 1024


def test_systemd_finds_no_fault_and_little_exposure():
    path = DEPLOY / "systemd" / "egress-monitor.service"
    command = [
        program("systemd-analyze"),
        "security",
        "--offline=true",
        "--threshold=20",
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    assert "Unknown" not in done.stderr


def test_compose_is_as_closed_and_its_log_driver_does_not_block():
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    service = compose["services"]["egress-monitor"]
    assert service["image"] == f"egress-monitor:{monitor.__version__}"
    assert service["network_mode"] == "host", "a bridge hides instance metadata"
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["logging"]["options"]["mode"] == "non-blocking"
    assert service["environment"]["EGRESS_MONITOR_STATE__DIRECTORY"] == STATE
    assert f"state:{STATE}" in service["volumes"]

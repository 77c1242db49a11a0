"""The files for ECS: a service of its own, and the container for tasks that own themselves."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator

import monitor
from monitor.config import load_settings
from monitor.config.source import find_source

ROOT = Path(__file__).parents[2]
ECS = ROOT / "deploy" / "ecs"
STATE = "/var/lib/egress-monitor"


def document(name: str) -> dict[str, Any]:
    return dict(json.loads((ECS / name).read_text()))


def task() -> dict[str, Any]:
    return document("task-definition.json")


def container() -> dict[str, Any]:
    (only,) = task()["containerDefinitions"]
    return dict(only)


@pytest.fixture(params=["task-definition.json", "sidecar-container.json"])
def either(request: pytest.FixtureRequest) -> dict[str, Any]:
    return container() if request.param.startswith("task") else document(request.param)


def test_the_task_is_the_monitor_s_own() -> None:
    assert task()["family"] == "egress-monitor"
    assert container()["essential"] is True
    assert container()["memory"] < int(task()["memory"])
    service = document("service.json")
    assert service["taskDefinition"] == task()["family"]
    assert set(service["networkConfiguration"]["awsvpcConfiguration"]) == {
        "subnets", "securityGroups", "assignPublicIp",
    }  # fmt: skip


def test_a_sidecar_differs_only_in_that_it_cannot_end_the_task() -> None:
    assert document("sidecar-container.json") == container() | {"essential": False}


def test_it_needs_no_root_no_capability_and_no_writable_root(either: dict[str, Any]) -> None:
    assert either["readonlyRootFilesystem"] is True
    assert either["user"] == "65532:65532"
    assert either["linuxParameters"] == {
        "initProcessEnabled": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert (either["memory"], either["memoryReservation"]) == (128, 64)
    assert either["stopTimeout"] == 10


def test_a_log_driver_that_hangs_does_not_block(either: dict[str, Any]) -> None:
    options = either["logConfiguration"]["options"]
    assert options["mode"] == "non-blocking"
    assert options["max-buffer-size"] == "4m"


def test_the_container_and_the_image_agree(either: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f"USER {either['user']}\n" in dockerfile
    assert either["portMappings"] == [{"containerPort": 9242, "protocol": "tcp"}]
    assert "EXPOSE 9242\n" in dockerfile
    assert f"CMD {json.dumps(either['healthCheck']['command'][1:])}\n" in dockerfile
    assert either["image"].endswith(f"/egress-monitor:{monitor.__version__}")
    (mount,) = either["mountPoints"]
    assert (mount["containerPath"], mount["readOnly"]) == (STATE, False)
    assert f"VOLUME {STATE}\n" in dockerfile
    assert mount["sourceVolume"] in {volume["name"] for volume in task()["volumes"]}


def test_its_variables_are_a_configuration(either: dict[str, Any]) -> None:
    environ = {v["name"]: re.sub("REPLACE_\\w+", "", v["value"]) for v in either["environment"]}
    secrets = {secret["name"] for secret in either["secrets"]}
    assert secrets == {"EGRESS_MONITOR_CONFIG_TOML", "EGRESS_MONITOR_WEB__TOKEN"}
    environ |= {"EGRESS_MONITOR_CONFIG_TOML": 'profile = "enterprise"\n'}
    environ |= {"EGRESS_MONITOR_WEB__TOKEN": "t0ken"}
    settings = load_settings(find_source(None, environ), environ)
    assert settings.state.directory == Path(STATE)
    assert settings.web.token is not None
    assert settings.ignored_variables == ()


def test_no_file_mounts_a_trust_store_over_the_image_s() -> None:
    for path in (ROOT / "deploy").rglob("*"):
        if path.is_file() and path.suffix in {".json", ".yaml"}:
            assert "/etc/ssl/certs" not in path.read_text(), path


@pytest.mark.parametrize(
    ("operation", "name"),
    [("RegisterTaskDefinition", "task-definition.json"), ("CreateService", "service.json")],
)
def test_aws_takes_the_file_as_input(operation: str, name: str) -> None:
    shape = Session().get_service_model("ecs").operation_model(operation).input_shape
    report = ParamValidator().validate(document(name), shape)
    assert not report.has_errors(), report.generate_report()


def test_the_container_that_writes_a_ca_is_valid_and_writes_it(tmp_path: Path) -> None:
    guide = (ROOT / "docs/installation.md").read_text()
    (snippet,) = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    added = json.loads(snippet)
    definition = task() | {"containerDefinitions": [container(), added]}
    model = Session().get_service_model("ecs").operation_model("RegisterTaskDefinition")
    report = ParamValidator().validate(definition, model.input_shape)
    assert not report.has_errors(), report.generate_report()
    (script,) = added["command"]
    command = [*added["entryPoint"], script.replace(STATE, str(tmp_path))]
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
    subprocess.run(command, env={"CA_PEM": pem}, check=True)
    assert (tmp_path / "ca.pem").read_text() == f"{pem}\n"

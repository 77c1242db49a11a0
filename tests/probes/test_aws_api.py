"""An AWS API asked without credentials: what proves that AWS itself answered, and what not.

Covers: monitor/probes/http.py
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.catalog import build_targets
from monitor.diagnosis.causes import diagnose
from monitor.diagnosis.network_path import network_path
from monitor.health.machine import Health, HealthPolicy, advance
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Protocol
from monitor.model.identity import Identity
from monitor.model.probe_result import ProbeResult
from monitor.model.settings import Settings
from monitor.model.state import State
from monitor.model.target import Target
from monitor.probes import prober
from tests.internet.nginx import Site, nginx
from tests.internet.process import free_port
from tests.probes.support import make_probe_context

REQUEST_ID = "add_header x-amzn-RequestId 5b7a1c1e-6f7c always;"
XML = "default_type text/xml;"
HTML = "default_type text/html;"
DENIAL = "not authorized to perform: ec2:DescribeRegions because no VPC endpoint policy allows it"
ANSWERS = {
    "refusal": f"{REQUEST_ID} {XML} return 400 '<Error>MissingParameter</Error>';",
    "denial": f"{REQUEST_ID} {XML} return 403 '<Error>{DENIAL}</Error>';",
    "page": f"{HTML} return 200 '<html>Access denied by web filter</html>';",
    "forbidden-page": f"{HTML} return 403 '<html>Access denied by web filter</html>';",
    "page-with-the-words": f"{HTML} return 403 '<html>{DENIAL}</html>';",
}


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    found = {name: free_port() for name in ANSWERS}
    sites = [
        Site(("_",), found[name], body=f"location / {{ {answer} }}")
        for name, answer in ANSWERS.items()
    ]
    with nginx(tmp_path_factory.mktemp("aws") / "nginx", sites):
        yield found


async def asked(port: int, folder: Path) -> tuple[Target, ProbeResult, Diagnosis]:
    settings = Settings(folder / "config.toml", region="eu-central-1")
    row = next(t for t in build_targets(settings, Identity()) if t.id == "aws-ec2")
    plain = replace(row.endpoint, protocol=Protocol.HTTP)
    target = replace(row, endpoint=plain, address="127.0.0.1", connect_port=port)
    probe_result = await prober("http")(target, make_probe_context())
    return target, probe_result, diagnose(target, probe_result)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ("refusal", None),
        ("denial", Cause.VPC_ENDPOINT_DENIED),
        ("page", Cause.HTTP_BLOCKED_PAGE),
        ("forbidden-page", Cause.HTTP_BLOCKED_PAGE),
        ("page-with-the-words", Cause.HTTP_BLOCKED_PAGE),
    ],
)
async def test_only_an_answer_with_a_request_id_is_awss(
    ports: dict[str, int], tmp_path: Path, answer: str, cause: Cause | None
) -> None:
    _, _, diagnosis = await asked(ports[answer], tmp_path)
    assert diagnosis.cause is cause


async def test_a_denying_vpc_endpoint_was_reached_and_is_named_but_not_down(
    ports: dict[str, int], tmp_path: Path
) -> None:
    target, probe_result, diagnosis = await asked(ports["denial"], tmp_path)
    state = advance(Health(), diagnosis, 0.0, HealthPolicy()).state
    assert state is State.DEGRADED
    assert "VPC endpoint" in diagnosis.detail
    (connection,) = probe_result.connections
    private = replace(probe_result, connections=(replace(connection, address="10.0.7.7"),))
    assert network_path(target, private) == "vpc_endpoint"


async def test_a_block_page_at_a_private_address_is_no_vpc_endpoint(
    ports: dict[str, int], tmp_path: Path
) -> None:
    target, probe_result, _ = await asked(ports["forbidden-page"], tmp_path)
    (connection,) = probe_result.connections
    private = replace(probe_result, connections=(replace(connection, address="10.0.7.7"),))
    assert network_path(target, private) is None

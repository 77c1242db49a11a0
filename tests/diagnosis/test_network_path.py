"""The way an AWS API was reached is told by the address that answered, and by nothing else."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from monitor.catalog import build_targets
from monitor.diagnosis.network_path import SENTENCES, NetworkPath, network_path
from monitor.export.metrics.families import families
from monitor.health.status import TargetStatus
from monitor.model.identity import Identity
from monitor.model.probe_result import (
    Connection,
    Failure,
    FailureKind,
    Family,
    HttpFacts,
    Phase,
    ProbeResult,
)
from monitor.model.settings import Settings
from monitor.model.target import Target
from monitor.present.json_view import target_view
from monitor.state.store import StateStore
from monitor.web.pages import overview_page

VPC, PUBLIC, EITHER = (
    NetworkPath.VPC_ENDPOINT,
    NetworkPath.PUBLIC,
    NetworkPath.PUBLIC_OR_GATEWAY_ENDPOINT,
)
REFUSED = Failure(Phase.CONNECT, FailureKind.OS_ERROR, "refused", 111, "ECONNREFUSED")
DENIED = Failure(Phase.TRANSFER, FailureKind.HTTP_STATUS, "the answer was 503", code="503")


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    settings = Settings(tmp_path_factory.mktemp("x") / "config.toml")
    identity = Identity("eu-central-1", account_id="123456789012")
    return {target.id: target for target in build_targets(settings, identity)}


def answered_from(
    address: str,
    failure: Failure | None = None,
    headers: Mapping[str, str] | None = None,
    proxy: str | None = None,
) -> ProbeResult:
    family = Family.IPV6 if ":" in address else Family.IPV4
    http = None if headers is None else HttpFacts("1.1", 403, headers, None, 0)
    connection = Connection(address, 443, family, {}, failure, proxy=proxy, http=http)
    return ProbeResult("x", 1000.0, 0.1, None, (connection,), failure, proxy)


@pytest.mark.parametrize(
    ("name", "address", "path"),
    [
        ("aws-sts", "10.0.3.17", VPC),
        ("aws-sts", "172.16.0.1", VPC),
        ("aws-sts", "172.31.255.254", VPC),
        ("aws-sts", "172.32.0.1", PUBLIC),
        ("aws-sts", "192.168.7.7", VPC),
        ("aws-sts", "192.169.0.1", PUBLIC),
        ("aws-sts", "100.64.0.1", VPC),
        ("aws-sts", "100.128.0.1", PUBLIC),
        ("aws-sts", "fd12:3456::1", VPC),
        ("aws-sts", "2a05:d014::1", PUBLIC),
        ("aws-sts", "52.94.17.1", PUBLIC),
        ("aws-ecr", "52.94.17.1", PUBLIC),
        ("aws-s3", "52.219.170.1", EITHER),
        ("aws-s3", "10.0.3.17", VPC),
        ("aws-dynamodb", "3.122.1.1", EITHER),
        ("aws-dynamodb", "fd00::1", VPC),
        ("aws-sts", "127.0.0.1", None),
        ("aws-sts", "169.254.1.1", None),
        ("aws-sts", "fe80::1%eth0", None),
        ("app-ona-com", "10.0.3.17", None),
        ("instance-metadata", "169.254.169.254", None),
    ],
)
def test_the_address_decides(
    targets: dict[str, Target], name: str, address: str, path: NetworkPath | None
) -> None:
    assert network_path(targets[name], answered_from(address)) is path


def test_an_address_that_did_not_answer_tells_nothing(targets: dict[str, Target]) -> None:
    target = targets["aws-sts"]
    assert network_path(target, None) is None
    assert network_path(target, answered_from("10.0.0.1", REFUSED)) is None
    assert network_path(target, replace(answered_from("10.0.0.1"), connections=())) is None


def test_a_refusal_came_from_somewhere_too(targets: dict[str, Target]) -> None:
    proven = answered_from("10.0.0.1", DENIED, {"x-amzn-requestid": "c6104cbe"})
    assert network_path(targets["aws-sts"], proven) is VPC


def test_a_block_page_at_a_private_address_is_no_vpc_endpoint(targets: dict[str, Target]) -> None:
    page = answered_from("10.0.0.1", DENIED, {"server": "filter"})
    assert network_path(targets["aws-sts"], page) is None


def test_the_address_of_a_proxy_is_not_that_of_aws(targets: dict[str, Target]) -> None:
    probe_result = answered_from("10.0.0.1", proxy="proxy.corp:3128")
    assert network_path(targets["aws-sts"], probe_result) is NetworkPath.PROXY


def test_every_way_has_words() -> None:
    assert set(SENTENCES) == set(NetworkPath)


def test_metrics_the_api_and_the_page_show_the_way(targets: dict[str, Target]) -> None:
    record = TargetStatus(targets["aws-s3"], probe_result=answered_from("10.0.0.1"), probes=1)
    store = StateStore({record.target.id: record})
    view = target_view(record.target, record.health.state, record.probe_result, None)
    assert view["network_path"] == "vpc_endpoint"
    (metric,) = (m for m in families(store) if m.name == "egress_network_path_info")
    (sample,) = metric.samples
    assert (sample.labels["target"], sample.labels["network_path"]) == ("aws-s3", "vpc_endpoint")
    assert "by VPC endpoint" in "".join(overview_page(store, 1000.0))

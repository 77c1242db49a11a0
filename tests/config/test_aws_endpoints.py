"""Other endpoints for single AWS APIs: by variable as the SDKs have it, and by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.catalog import build_targets
from monitor.config import load_settings
from monitor.config.aws_endpoints import SERVICES
from monitor.model.endpoint import Protocol
from monitor.model.identity import Identity
from monitor.model.settings import ConfigError
from monitor.model.target import Target

VPCE = "https://vpce-0a1b-2c3d.ec2.eu-central-1.vpce.amazonaws.com"


def targets(tmp_path: Path, text: str = "", **environ: str) -> dict[str, Target]:
    path = tmp_path / "config.toml"
    path.write_text(f'region = "eu-central-1"\naccount_id = "123456789012"\n{text}')
    settings = load_settings(path, environ)
    return {t.id: t for t in build_targets(settings, Identity())}


def test_a_services_own_variable_moves_its_api_and_no_other(tmp_path: Path) -> None:
    found = targets(tmp_path, AWS_ENDPOINT_URL_EC2=VPCE)
    moved = found["aws-ec2"]
    assert (moved.host, moved.port) == ("vpce-0a1b-2c3d.ec2.eu-central-1.vpce.amazonaws.com", 443)
    assert moved.endpoint.path.startswith("/?Action=DescribeRegions")
    assert moved.endpoint.expect.headers == ("x-amzn-requestid", "x-amz-request-id")
    assert found["aws-s3"].host == "s3.eu-central-1.amazonaws.com"


def test_the_general_variable_stands_behind_a_services_own(tmp_path: Path) -> None:
    found = targets(
        tmp_path, AWS_ENDPOINT_URL="http://127.0.0.1:4566", AWS_ENDPOINT_URL_SECRETS_MANAGER=VPCE
    )
    assert (found["aws-sts"].host, found["aws-sts"].port) == ("127.0.0.1", 4566)
    assert found["aws-sts"].endpoint.protocol is Protocol.HTTP
    assert found["aws-secretsmanager"].host.startswith("vpce-")
    assert found["aws-ecr"].host == "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


def test_the_file_comes_before_the_variables_field_by_field(tmp_path: Path) -> None:
    text = '[targets.aws-ec2]\nport = 8443\n[targets.aws-s3]\nurl = "https://s3.corp.example"\n'
    found = targets(
        tmp_path, text, AWS_ENDPOINT_URL_EC2=VPCE, AWS_ENDPOINT_URL_S3="http://127.0.0.1:1"
    )
    assert (found["aws-ec2"].host[:5], found["aws-ec2"].port) == ("vpce-", 8443)
    s3 = found["aws-s3"]
    assert (s3.host, s3.port, s3.endpoint.protocol) == ("s3.corp.example", 443, Protocol.HTTPS)


def test_the_sdks_switch_turns_all_variables_off(tmp_path: Path) -> None:
    found = targets(tmp_path, AWS_ENDPOINT_URL_EC2=VPCE, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="TRUE")
    assert found["aws-ec2"].host == "ec2.eu-central-1.amazonaws.com"


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"])
@pytest.mark.parametrize("value", ["https://u:hunter2@h", "ftp://h", "https://h/p", "https://*"])
def test_what_is_no_servers_url_is_one_problem(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        targets(tmp_path, **{name: value})
    (problem,) = caught.value.problems
    assert (problem.file, problem.key) == ("environment", name)
    assert "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" in problem.remediation
    assert "hunter2" not in str(problem)


def test_the_variables_names_are_those_of_the_sdk() -> None:
    """botocore makes them of the service's id, and so does the runner's SDK."""
    from botocore.loaders import create_loader

    prefixes = {
        "aws-logs": "logs",
        "aws-elasticloadbalancing": "elbv2",
        "aws-secretsmanager": "secretsmanager",
    }
    loader = create_loader()
    for target, service in SERVICES.items():
        name = "ec2" if target.startswith("ami-") else target.removeprefix("aws-")
        name = prefixes.get(target, name)
        metadata = loader.load_service_model(name, "service-2")["metadata"]
        assert metadata["serviceId"].replace(" ", "_").upper() == service

"""AMI access against moto's EC2, and against one of our own for what moto can't answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from monitor.catalog import load_catalog
from monitor.diagnosis.causes import diagnose
from monitor.health.machine import Health, HealthPolicy, advance
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import Phase, ProbeResult
from monitor.model.state import State
from monitor.model.target import Launch, Target
from monitor.net.aws.credentials import AwsCredentials
from monitor.probes import prober
from tests.internet.ec2 import ec2, error, images, moto
from tests.internet.imds import metadata
from tests.internet.process import free_port
from tests.internet.rude import babbling, closing, rude, saying, silent
from tests.net.aws.test_ec2 import AMI, IMAGE, INSTANCE, SCP, denied
from tests.probes.support import make_probe_context, make_target

SECRET = "a-s3cret-that-must-never-be-shown"
ENVIRON = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_SESSION_TOKEN": f"{SECRET}-token",
}
PASSED = error(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
FOUND = images(("ami-00000001", "2025-03-01T00:00:00.000Z"), (AMI, "2026-01-01T00:00:00.000Z"))
AMIS = [row for row in load_catalog() if row.group == "ami_access"]


def credentials(environ: dict[str, str], endpoint: str = "http://127.0.0.1:9") -> AwsCredentials:
    return AwsCredentials(environ, endpoint, time=lambda: 1_800_000_000.0)


def ami(port: int, query: str = AMIS[0].query, *, timeout: float = 30.0) -> Target:
    target = make_target(
        Protocol.HTTP, "127.0.0.1", port, prober="ami", query=query, timeout=timeout
    )
    return replace(target, launch=Launch("eu-central-1", "subnet-0123456789abcdef0"))


async def probe(target: Target, aws: AwsCredentials | None = None) -> tuple[ProbeResult, Diagnosis]:
    probe_result = await prober("ami")(target, make_probe_context(aws=aws or credentials(ENVIRON)))
    diagnosis = diagnose(target, probe_result)
    assert SECRET not in repr((probe_result, diagnosis))
    return probe_result, diagnosis


@pytest.fixture(scope="module")
def moto_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    owner, name = AMIS[0].query.split("/", 1)
    newest = name.replace("*", "-v1.20.0")
    found = [
        {"id": AMI, "name": newest, "owner": owner, "created": "2026-01-01T00:00:00.000Z"},
        {"id": "ami-00000002", "name": "other", "owner": owner, "created": "2026-02-01T00:00:00Z"},
    ]
    with moto(tmp_path_factory.mktemp("moto"), found) as port:
        yield port


async def test_an_ami_that_can_be_launched_is_reached(moto_port: int) -> None:
    probe_result, diagnosis = await probe(replace(ami(moto_port), launch=Launch("eu-central-1")))
    assert probe_result.failure is None
    assert diagnosis.cause is None
    assert {Phase.CONNECT, Phase.FIRST_BYTE, Phase.TRANSFER} <= probe_result.phases.keys()


async def test_an_ami_that_the_account_does_not_see_is_named(moto_port: int) -> None:
    _, diagnosis = await probe(ami(moto_port, AMIS[1].query))
    assert diagnosis.cause is Cause.AMI_NOT_VISIBLE
    assert AMIS[1].query in diagnosis.detail


async def test_the_newest_ami_is_tried_by_a_signed_dry_run() -> None:
    async with ec2(DescribeImages=FOUND, RunInstances=PASSED) as (port, requests):
        probe_result, _ = await probe(ami(port))
    assert probe_result.failure is None
    described, launched = requests.asked
    owner, name = AMIS[0].query.split("/", 1)
    assert (described["Owner.1"], described["Filter.1.Value.1"]) == (owner, name)
    assert (launched["DryRun"], launched["ImageId"]) == ("true", AMI)
    assert launched["SubnetId"] == "subnet-0123456789abcdef0"
    for headers in requests.headers:
        assert "Credential=AKIDEXAMPLE/" in headers["Authorization"]
        assert "/eu-central-1/ec2/aws4_request," in headers["Authorization"]
        assert headers["X-Amz-Security-Token"] == ENVIRON["AWS_SESSION_TOKEN"]


@pytest.mark.parametrize(
    ("answers", "cause", "said"),
    [
        (
            {"DescribeImages": error(403, "UnauthorizedOperation", "You are not authorized")},
            Cause.AWS_PERMISSION_DENIED,
            "UnauthorizedOperation",
        ),
        (
            {"RunInstances": error(403, "UnauthorizedOperation", denied(INSTANCE, "because no"))},
            Cause.AWS_PERMISSION_DENIED,
            "instance/*",
        ),
        (
            {"RunInstances": error(403, "UnauthorizedOperation", denied(IMAGE, SCP))},
            Cause.AMI_NOT_LAUNCHABLE,
            "service control policy",
        ),
        (
            {"RunInstances": error(400, "InvalidAMIID.NotFound", f"The image id '[{AMI}]' is not")},
            Cause.AMI_NOT_LAUNCHABLE,
            AMI,
        ),
        (
            {"DescribeImages": error(401, "AuthFailure", "not able to validate the credentials")},
            Cause.AWS_NO_CREDENTIALS,
            "AuthFailure",
        ),
        ({"DescribeImages": images()}, Cause.AMI_NOT_VISIBLE, "149721548608"),
        # Neither says anything of the AMI.
        (
            {"RunInstances": error(400, "VPCIdNotSpecified", "No default VPC for this user.")},
            Cause.HTTP_STATUS,
            "VPCIdNotSpecified",
        ),
        (
            {"DescribeImages": error(503, "RequestLimitExceeded", "Request limit exceeded.")},
            Cause.HTTP_STATUS,
            "RequestLimitExceeded",
        ),
        ({"DescribeImages": (200, "<html>Blocked</html>")}, Cause.HTTP_BLOCKED_PAGE, "block page"),
        ({"DescribeImages": (403, "denied by the proxy")}, Cause.HTTP_STATUS, "not EC2's"),
    ],
)
async def test_what_ec2_answers_is_told_apart(
    answers: dict[str, tuple[int, str]], cause: Cause, said: str
) -> None:
    asked = {"DescribeImages": FOUND, "RunInstances": PASSED, **answers}
    async with ec2(**asked) as (port, _):
        _, diagnosis = await probe(ami(port))
    assert diagnosis.cause is cause
    assert said in diagnosis.detail
    assert len(diagnosis.detail) < 400


@pytest.mark.parametrize(
    ("cause", "state"),
    [
        (Cause.AWS_NO_CREDENTIALS, State.DEGRADED),
        (Cause.AWS_PERMISSION_DENIED, State.DEGRADED),
        (Cause.AMI_NOT_VISIBLE, State.DOWN),
        (Cause.AMI_NOT_LAUNCHABLE, State.DOWN),
    ],
)
def test_only_what_is_known_of_the_ami_calls_it_down(cause: Cause, state: State) -> None:
    health = Health()
    for now in (1.0, 2.0):
        health = advance(health, Diagnosis(cause), now, HealthPolicy())
    assert health.state is state


async def test_a_network_failure_keeps_its_own_cause() -> None:
    cases = [
        (silent, 0.5, Cause.HTTP_TIMEOUT),
        (closing, 30.0, Cause.HTTP_PROTOCOL),
        (saying(b"220 mail ESMTP\r\n\r\n"), 30.0, Cause.HTTP_PROTOCOL),
        (babbling(b"X-Endless: yes\r\n"), 5.0, Cause.HTTP_PROTOCOL),
    ]
    for habit, timeout, cause in cases:
        async with rude(habit) as port:
            _, diagnosis = await probe(ami(port, timeout=timeout))
        assert diagnosis.cause is cause
    _, diagnosis = await probe(ami(free_port()))
    assert diagnosis.cause is Cause.TCP_REFUSED


async def test_without_credentials_nothing_is_asked_of_ec2() -> None:
    async with ec2() as (port, requests):
        probe_result, diagnosis = await probe(ami(port), credentials({}))
        assert diagnosis.cause is Cause.AWS_NO_CREDENTIALS
        assert probe_result.connections == ()
        with metadata() as server:  # an instance without a role
            aws = credentials({}, f"http://127.0.0.1:{server.server_port}")
            _, diagnosis = await probe(ami(port), aws)
        assert diagnosis.cause is Cause.AWS_NO_CREDENTIALS
    assert requests.asked == []


async def test_credentials_that_never_come_take_no_longer_than_the_probe() -> None:
    async with rude(silent) as port:
        aws = credentials({}, f"http://127.0.0.1:{port}")
        probe_result, diagnosis = await probe(ami(9, timeout=0.4), aws)
    assert diagnosis.cause is Cause.AWS_NO_CREDENTIALS
    assert probe_result.duration < 2


async def test_credentials_that_aws_refuses_are_looked_for_anew() -> None:
    environ = dict(ENVIRON)
    aws = credentials(environ)
    refused = error(401, "AuthFailure", "not able to validate")
    async with ec2(DescribeImages=refused) as (port, _):
        await probe(ami(port), aws)
    environ["AWS_ACCESS_KEY_ID"] = "AKIDOTHER"
    async with ec2(DescribeImages=FOUND, RunInstances=PASSED) as (port, requests):
        await probe(ami(port), aws)
    assert "Credential=AKIDOTHER/" in requests.headers[0]["Authorization"]


async def test_an_answer_of_megabytes_is_read_whole() -> None:
    """131 images of 3 KB were refused as framing without end; 4 MiB are promised."""
    many = [(f"ami-{number:08x}", "2025-03-01T00:00:00.000Z") for number in range(1000)]
    status, body = images(*many, (AMI, "2026-01-01T00:00:00.000Z"))
    padded = body.replace("<imageId>", f"<description>{'d' * 3000}</description><imageId>")
    assert 3_000_000 < len(padded) < 4_194_304
    async with ec2(DescribeImages=(status, padded), RunInstances=PASSED) as (port, requests):
        probe_result, _ = await probe(ami(port, timeout=30.0))
    assert probe_result.failure is None
    assert requests.asked[1]["ImageId"] == AMI

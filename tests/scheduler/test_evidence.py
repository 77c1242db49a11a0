"""The last step before a result is kept: no secret in use is in its failures or headers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.probe_result import Failure, FailureKind, HttpFacts, Phase, ProbeResult
from monitor.model.secret import Secret
from monitor.scheduler.evidence import redacted, without_secrets
from tests.probe_results import probe_result

TOKEN = "s3cr3t-token-of-the-proxy"


@pytest.fixture
def secret() -> Secret:
    return Secret(TOKEN)


def failure(text: str, code: str | None = None) -> Failure:
    return Failure(Phase.PROXY, FailureKind.PROXY_STATUS, f"407 for {text}", code=code)


def leaky(text: str) -> ProbeResult:
    result = probe_result("a")
    http = HttpFacts("1.1", 407, {"server": f"proxy {text}"}, None, 0)
    (connection,) = result.connections
    connection = replace(connection, failure=failure(text), http=http)
    return replace(result, failure=failure(text, f"407 {text}"), connections=(connection,))


def test_failures_and_headers_lose_secrets(secret: Secret) -> None:
    result = redacted(replace(leaky(TOKEN), alternate=leaky(TOKEN)))
    assert TOKEN not in repr(result)
    assert result.failure is not None
    assert result.failure.message == "407 for ***"
    assert result.connections[0].http is not None
    assert result.connections[0].http.status == 407


@pytest.mark.parametrize("part", ["connection", "failure", "alternate", "headers"])
def test_one_part_with_a_secret_suffices(part: str, secret: Secret) -> None:
    clean, bad = leaky("x"), leaky(TOKEN)
    (connection,) = clean.connections
    result = {
        "failure": replace(clean, failure=bad.failure),
        "connection": replace(
            clean, connections=(replace(connection, failure=bad.connections[0].failure),)
        ),
        "headers": replace(clean, connections=(replace(connection, http=bad.connections[0].http),)),
        "alternate": replace(clean, alternate=bad),
    }[part]
    assert TOKEN not in repr(redacted(result))


def test_a_result_without_secrets_is_the_same_object(secret: Secret) -> None:
    for result in (probe_result("a"), leaky("x"), replace(leaky("x"), alternate=leaky("y"))):
        assert redacted(result) is result


def test_a_diagnosis_loses_secrets(secret: Secret) -> None:
    diagnosis = Diagnosis(
        Cause.PROXY_DENIED, f"It said {TOKEN}.", "Allow it.", {"error": f"no {TOKEN}"}
    )
    found = without_secrets(diagnosis)
    assert found.detail == "It said ***."
    assert found.evidence == {"error": "no ***"}
    assert found.remediation == "Allow it."
    assert without_secrets(Diagnosis(None)) == Diagnosis(None)

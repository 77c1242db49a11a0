"""Identifiers of AWS are recognized, and nothing that only resembles one."""

from __future__ import annotations

import re

import pytest

from monitor.common import identifiers
from monitor.common.identifiers import is_address


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (
            "REGION",
            ["eu-central-1", "us-gov-west-1", "ap-southeast-10"],
            ["eu", "EU-WEST-1"],
        ),
        ("AVAILABILITY_ZONE", ["eu-central-1a", "us-west-2-lax-1a"], ["eu", "a b-c-d"]),
        ("ACCOUNT_ID", ["123456789012"], ["12345678901", "1234567890123", "12345678901a"]),
        (
            "VPC_ID",
            ["vpc-0a1b2c3d", "vpc-0123456789abcdef0"],
            ["vpc-", "vpc-0a1b2c3g"],
        ),
        ("SUBNET_ID", ["subnet-0a1b2c3d"], ["subnet-xyz", "vpc-0a1b2c3d"]),
        ("INSTANCE_ID", ["i-0123456789abcdef0"], ["i-0123456789abcdef01", "i-"]),
        ("INSTANCE_TYPE", ["t3.micro", "u-6tb1.56xlarge"], ["t3", "t3.", "t3.micro.x", "T3.micro"]),
        ("RUNNER_ID", ["01980d1f-9c7e", "a_b.c"], ["", "a b", "a" * 129, "ä"]),
        ("LAUNCH_TYPE", ["fargate", "ec2", "external"], ["FARGATE", "ec22"]),
        (
            "MAC",
            ["02:00:5e:10:00:ff"],
            ["02:00:5e:10:00", "02:00:5e:10:00:FF"],
        ),
    ],
)
def test_a_pattern_takes_whole_identifiers_only(
    pattern: str, good: list[str], bad: list[str]
) -> None:
    compiled: re.Pattern[str] = getattr(identifiers, pattern)
    assert all(map(compiled.fullmatch, good))
    assert not any(map(compiled.fullmatch, bad))
    assert not any(compiled.fullmatch(f"{text}\n") for text in good)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("192.0.2.1", True), ("2001:db8::1", True), ("fe80::1%eth0", True), ("a.example", False),
     ("192.0.2", False), ("", False)],
)  # fmt: skip
def test_an_address_is_an_ip_literal(text: str, *, expected: bool) -> None:
    assert is_address(text) is expected

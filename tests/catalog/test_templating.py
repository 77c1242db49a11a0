"""Templates are filled from configuration, then identity, and only with sane values."""

from pathlib import Path

import pytest

from monitor.catalog.templating import fill, fill_host, unknown_in, values_of
from monitor.model.identity import Identity
from monitor.model.settings import Settings

CONFIG = Path("config.toml")
EC2 = "ec2.{region}.amazonaws.com"


def test_configuration_wins_over_identity() -> None:
    settings = Settings(source=CONFIG, region="eu-west-1")
    identity = Identity(region="us-east-1", account_id="123456789012")
    assert values_of(settings, identity) == {"region": "eu-west-1", "account_id": "123456789012"}


def test_nothing_known_leaves_the_placeholders() -> None:
    host = "{account_id}.dkr.ecr.{region}.amazonaws.com"
    assert unknown_in(host, {}) == ("account_id", "region")
    assert fill_host(host, {}) == host
    assert (
        fill_host(host, {"region": "eu-west-1"}) == "{account_id}.dkr.ecr.eu-west-1.amazonaws.com"
    )


@pytest.mark.parametrize(
    "region",
    ["us-east-1", "ap-southeast-2", "us-gov-west-1", "cn-northwest-1", "us-isob-east-1",
     "eusc-de-east-1", "il-central-1", "ap-northeast-3"],
)  # fmt: skip
def test_real_regions_are_taken(region: str) -> None:
    assert values_of(Settings(source=CONFIG, region=region), Identity()) == {"region": region}


@pytest.mark.parametrize(
    "region", ["evil.example/", "eu-west-1.evil", "EU-WEST-1", "a" * 300, "x\n"]
)
def test_what_is_no_region_is_unknown(region: str) -> None:
    assert values_of(Settings(source=CONFIG), Identity(region=region, account_id="1")) == {}


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "ec2.us-east-1.amazonaws.com"),
        ("us-gov-west-1", "ec2.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "ec2.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "ec2.eusc-de-east-1.amazonaws.eu"),
        ("us-iso-east-1", "ec2.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "ec2.us-isob-east-1.sc2s.sgov.gov"),
    ],
)
def test_the_dns_suffix_is_that_of_the_partition(region: str, host: str) -> None:
    assert fill_host(EC2, {"region": region}) == host


def test_a_host_that_is_written_out_keeps_its_suffix() -> None:
    assert fill_host("s3.amazonaws.com", {"region": "cn-north-1"}) == "s3.amazonaws.com"


def test_other_braces_are_left_alone() -> None:
    assert fill("/{id}/{region}", {"region": "eu-west-1", "id": "no"}) == "/{id}/eu-west-1"

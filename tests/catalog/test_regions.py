"""Misspelled regions are found, and the list is that of the AWS SDK."""

from __future__ import annotations

import botocore.session
import pytest

from monitor.catalog.regions import KNOWN_REGIONS, misspelled


def test_every_region_of_the_sdk_is_known() -> None:
    session = botocore.session.get_session()
    partitions = session.get_available_partitions()
    regions = {r for p in partitions for r in session.get_available_regions("ec2", p)}
    assert regions
    assert regions <= KNOWN_REGIONS
    assert not any(map(misspelled, regions))


@pytest.mark.parametrize(
    ("region", "fix"),
    [
        ("eu-centrl-1", "did you mean eu-central-1?"),
        ("ap-souteast-2", "did you mean ap-southeast-2?"),
        ("mars-north-1", "check its spelling"),
    ],
)
def test_a_misspelled_region_is_named_with_a_fix(region: str, fix: str) -> None:
    warning = misspelled(region)
    assert warning == f"region {region} is not an AWS region that this version knows; {fix}"


def test_a_region_that_is_not_set_is_no_mistake() -> None:
    assert misspelled("") == ""

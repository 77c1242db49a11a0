"""AWS regions by name, to find a misspelled one. A region that is missing here can be used."""

from __future__ import annotations

from difflib import get_close_matches

KNOWN_REGIONS = frozenset(
    {
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-south-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-central-1",
        "ca-west-1",
        "cn-north-1",
        "cn-northwest-1",
        "eu-central-1",
        "eu-central-2",
        "eu-north-1",
        "eu-south-1",
        "eu-south-2",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "eusc-de-east-1",
        "eu-isoe-west-1",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
        "us-gov-east-1",
        "us-gov-west-1",
        "us-iso-east-1",
        "us-iso-west-1",
        "us-isob-east-1",
        "us-isob-west-1",
        "us-isof-east-1",
        "us-isof-south-1",
    }
)
"""The regions of all partitions in the endpoint data of the AWS SDKs (botocore 1.44)."""


def misspelled(region: str) -> str:
    """Return a warning if ``region`` is set and not a known one, else ""."""
    if not region or region in KNOWN_REGIONS:
        return ""
    near = get_close_matches(region, sorted(KNOWN_REGIONS), 1, 0.85)
    fix = f"did you mean {near[0]}?" if near else "check its spelling"
    return f"region {region} is not an AWS region that this version knows; {fix}"

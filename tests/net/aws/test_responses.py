"""What AWS's own answers look like."""

from __future__ import annotations

import pytest

from monitor.net.aws.responses import is_from_aws, names_endpoint_policy

WHO = "User: anonymous is not authorized to perform: s3:ListAllMyBuckets "


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        (WHO + "because no VPC endpoint policy allows the s3:ListAllMyBuckets action", True),
        (WHO + "with an explicit deny in a VPC endpoint policy", True),
        (WHO + "because no identity-based policy allows the action", False),
        (WHO + "with an explicit deny in a service control policy", False),
        ("", False),
    ],
)
def test_only_the_words_about_an_endpoints_policy_tell_of_one(text: str, denied: bool) -> None:
    assert names_endpoint_policy(text) is denied


def test_a_request_id_of_either_name_is_awss() -> None:
    assert is_from_aws({"x-amzn-requestid": "c6104cbe"})
    assert is_from_aws({"x-amz-request-id": "79104EXAMPLEB723"})
    assert not is_from_aws({"server": "AmazonS3"})

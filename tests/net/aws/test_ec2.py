"""What EC2 says to the AMI check, and what it means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.net.aws.ec2 import (
    Disposition,
    Image,
    Refusal,
    describe_images,
    disposition,
    dry_run,
    newest_image,
    refusal,
)
from tests.internet.ec2 import error, images

AMI = "ami-0123456789abcdef0"
WHO = "User: arn:aws:sts::123456789012:assumed-role/monitor/i-0 is not authorized to perform: "
SCP = "with an explicit deny in a service control policy"
IMAGE = f"arn:aws:ec2:eu-central-1::image/{AMI}"
INSTANCE = "arn:aws:ec2:eu-central-1:123456789012:instance/*"


def denied(resource: str, why: str) -> str:
    return (
        f"You are not authorized to perform this operation. {WHO}ec2:RunInstances on resource: "
        f"{resource} {why}. Encoded authorization failure message: {'A1b2-' * 200}"
    )


def meaning_of(code: str, message: str) -> Disposition:
    return disposition(refusal(error(403, code, message)[1].encode()))


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("DryRunOperation", "Request would have succeeded, but DryRun is set.", Disposition.PASSED),
        ("UnauthorizedOperation", denied(IMAGE, SCP), Disposition.IMAGE),
        # A policy against something else of the launch says nothing of the AMI.
        ("UnauthorizedOperation", denied(INSTANCE, SCP), Disposition.PERMISSION),
        (
            "UnauthorizedOperation",
            denied(IMAGE, "because no identity-based policy allows the ec2:RunInstances action"),
            Disposition.PERMISSION,
        ),
        (
            "UnauthorizedOperation",
            "You are not authorized. Encoded message",
            Disposition.PERMISSION,
        ),
        (
            "UnauthorizedOperation",
            denied(INSTANCE, "because no VPC endpoint policy allows the ec2:RunInstances action"),
            Disposition.ENDPOINT_POLICY,
        ),
        ("AuthFailure", f"Not authorized for images: [{AMI}]", Disposition.IMAGE),
        ("AuthFailure", "AWS was not able to validate the credentials", Disposition.CREDENTIALS),
        ("RequestExpired", "Request has expired.", Disposition.CREDENTIALS),
        ("SignatureDoesNotMatch", "The request signature does not match", Disposition.CREDENTIALS),
        ("InvalidAMIID.NotFound", "The image id does not exist", Disposition.IMAGE),
        ("OptInRequired", "You must accept the terms", Disposition.IMAGE),
        ("VPCIdNotSpecified", "No default VPC for this user.", Disposition.OTHER),
        ("RequestLimitExceeded", "Request limit exceeded.", Disposition.OTHER),
    ],
)
def test_an_error_means_one_thing(code: str, message: str, expected: Disposition) -> None:
    assert meaning_of(code, message) is expected


def test_a_denial_is_told_in_short_and_without_its_encoded_part() -> None:
    found = refusal(error(403, "UnauthorizedOperation", denied(IMAGE, SCP))[1].encode())
    assert found == Refusal(
        "UnauthorizedOperation",
        f"ec2:RunInstances on image/{AMI}: an explicit deny in a service control policy",
    )


def test_the_newest_image_is_found_whatever_the_order() -> None:
    old, new = ("ami-00000001", "2025-03-01T00:00:00.000Z"), (AMI, "2026-01-01T00:00:00.000Z")
    for order in ([old, new], [new, old]):
        assert newest_image(images(*order)[1].encode()) == Image(*new)
    turned = (
        "<DescribeImagesResponse><item><creationDate>2026-01-01T00:00:00.000Z</creationDate>"
        f"<imageId>{AMI}</imageId></item><item><creationDate>2025-03-01T00:00:00.000Z"
        "</creationDate><imageId>ami-00000001</imageId></item></DescribeImagesResponse>"
    )
    assert newest_image(turned.encode()) == Image(*new)
    assert newest_image(images()[1].encode()) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>blocked</html>",
        b"<DescribeImagesResponse><imageId>ami-00000001</imageId>",
        error(403, "UnauthorizedOperation", "no")[1].encode(),
    ],
)
def test_what_is_no_list_of_images_is_not_taken_for_one(body: bytes) -> None:
    with pytest.raises(ValueError, match="answer"):
        newest_image(body)


@given(st.binary(max_size=400))
def test_any_bytes_are_an_answer_or_a_value_error(body: bytes) -> None:
    for read in (newest_image, refusal):
        try:
            read(b"<DescribeImagesResponse" + body)
        except ValueError:
            continue


def test_a_dry_run_is_one_and_names_a_subnet_only_where_there_is_one() -> None:
    plain = dry_run(Image(AMI, ""), "t3.micro", "")
    assert {"DryRun=true", f"ImageId={AMI}", "MinCount=1", "MaxCount=1"} <= set(plain.split("&"))
    assert "SubnetId" not in plain
    assert "SubnetId=subnet-1" in dry_run(Image(AMI, ""), "t3.micro", "subnet-1").split("&")


def test_a_name_is_encoded_as_it_is_signed() -> None:
    query = describe_images("995913728426", "gitpod/images/a-*")
    assert "Filter.1.Value.1=gitpod%2Fimages%2Fa-%2A" in query.split("&")

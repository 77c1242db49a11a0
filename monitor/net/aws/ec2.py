"""EC2's Query API as bytes: the two requests of the AMI check and their responses. Pure.

Source: Amazon EC2 API reference, "Query requests", DescribeImages, RunInstances, "Error codes";
EC2 user guide, "Allowed AMIs"; IAM user guide, "Troubleshoot access denied error messages".
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import quote, urlencode

from monitor.net.aws.responses import names_endpoint_policy

_VERSION = "2016-11-15"
_MESSAGE_LIMIT = 200
ANSWER_LIMIT = 4_194_304
"""Bytes of an answer that are read: 1,000 images, the most that one has, are 3 MB."""


@dataclass(frozen=True, slots=True)
class Image:
    """An AMI. ``created`` is as EC2 writes it (ISO 8601 in UTC), so that it sorts."""

    id: str
    created: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as EC2 words it; ``message`` is bounded and without its encoded part."""

    code: str
    message: str


class Disposition(Enum):
    """Meaning of a refusal for the check."""

    PASSED = auto()  # the dry run would have succeeded
    CREDENTIALS = auto()  # AWS does not take the credentials
    PERMISSION = auto()  # the monitor's role may not ask
    ENDPOINT_POLICY = auto()  # the VPC endpoint's policy does not let the request through
    IMAGE = auto()  # the account may not launch this AMI
    OTHER = auto()  # nothing about the AMI


def describe_images(owner: str, name: str) -> str:
    """Return the query that asks for the AMIs of an owner whose name is like ``name``."""
    return _query(
        {
            "Action": "DescribeImages",
            "Owner.1": owner,
            "Filter.1.Name": "name",
            "Filter.1.Value.1": name,
            "Filter.2.Name": "state",
            "Filter.2.Value.1": "available",
            "MaxResults": "1000",
        }
    )


def dry_run(image: Image, instance_type: str, subnet_id: str) -> str:
    """Return the query that asks whether an AMI could be launched, and launches nothing.

    Without a subnet EC2 looks for the account's default VPC, and refuses where there is none.
    Version 2 of instance metadata is asked for, as many organisations demand it.
    """
    parameters = {
        "Action": "RunInstances",
        "DryRun": "true",
        "ImageId": image.id,
        "InstanceType": instance_type,
        "MinCount": "1",
        "MaxCount": "1",
        "MetadataOptions.HttpTokens": "required",
    }
    return _query(parameters | ({"SubnetId": subnet_id} if subnet_id else {}))


def _query(parameters: Mapping[str, str]) -> str:
    ordered = sorted({**parameters, "Version": _VERSION}.items())
    return urlencode(ordered, quote_via=quote, safe="-_.~")


_ID = re.compile(rb"<imageId>\s*(ami-[0-9a-f]{8,32})\s*</imageId>")
_CREATED = re.compile(rb"<creationDate>\s*([0-9]{4}-[0-9T:.Z-]{6,30})\s*</creationDate>")
"""Found as text, because an XML parser executes what a hostile document requests (entities). Each
image has one of both, in no fixed order."""


def newest_image(body: bytes) -> Image | None:
    """Return the newest AMI of an answer to DescribeImages; None where it names none.

    Raises:
        ValueError: if it is no such answer.
    """
    if b"<DescribeImagesResponse" not in body[:1024]:
        raise ValueError("the answer is not that to DescribeImages")
    ids = [found.decode() for found in _ID.findall(body)]
    created = [found.decode() for found in _CREATED.findall(body)]
    if len(ids) != len(created):
        raise ValueError("the answer has images without a date")
    newest = max(zip(created, ids, strict=True), default=None)
    return Image(newest[1], newest[0]) if newest else None


_ERROR = re.compile(
    r"<Error>\s*<Code>([A-Za-z0-9.]{1,80})</Code>\s*<Message>(.*?)(?:</Message>|$)", re.DOTALL
)
_DENIED = re.compile(
    r"not authorized to perform: (?P<action>[\w:*]{1,60}) on resource: (?P<resource>\S{1,200}) "
    r"(?:because|with) (?P<why>[^.]{1,120})"
)
_ENCODED = "Encoded authorization failure message"


def refusal(body: bytes) -> Refusal:
    """Read an error answer.

    Raises:
        ValueError: if it is none of EC2's.
    """
    found = _ERROR.search(body[:16_384].decode("utf-8", "replace"))
    if found is None:
        raise ValueError("the response is not an error of EC2")
    whole = " ".join(html.unescape(found[2]).partition(_ENCODED)[0].split())
    return Refusal(found[1], _in_short(whole))


def _in_short(message: str) -> str:
    """Return what was denied and why, without the caller, which is known and long."""
    denied = _DENIED.search(message)
    if denied is not None:
        resource = denied["resource"].rpartition(":")[2]
        message = f"{denied['action']} on {resource}: {denied['why']}"
    return message[:_MESSAGE_LIMIT]


_CREDENTIAL_CODES = frozenset(
    {
        "AuthFailure",
        "Blocked",
        "ExpiredToken",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "PendingVerification",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_PERMISSION_CODES = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"})
_IMAGE_CODES = frozenset({"OptInRequired"})
_OF_THE_ORGANISATION = re.compile(r"(service|resource) control policy", re.IGNORECASE)
_OF_AN_IMAGE = re.compile(r"image/ami-|\[?ami-[0-9a-f]{8}")


def disposition(error: Refusal) -> Disposition:
    """Return the meaning of an error for the check.

    A permission that the monitor's role lacks shows nothing about the account. A policy of the
    organisation that denies the AMI itself does; one that denies something else of the launch
    (a size, a subnet) does not.
    """
    about_image = _OF_AN_IMAGE.search(error.message) is not None
    if error.code == "DryRunOperation":
        return Disposition.PASSED
    if error.code in _PERMISSION_CODES:
        if names_endpoint_policy(error.message):
            return Disposition.ENDPOINT_POLICY
        by_organisation = _OF_THE_ORGANISATION.search(error.message) is not None
        return Disposition.IMAGE if by_organisation and about_image else Disposition.PERMISSION
    if error.code in _IMAGE_CODES or error.code.startswith("InvalidAMI") or about_image:
        return Disposition.IMAGE
    return Disposition.CREDENTIALS if error.code in _CREDENTIAL_CODES else Disposition.OTHER

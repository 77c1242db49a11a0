"""Patterns of AWS identifiers and addresses. Values from peers are discarded if malformed."""

from __future__ import annotations

import ipaddress
import re

# Each is bounded in length and ASCII only: they become host names and label values.
REGION = re.compile(r"[a-z]{2,5}(-[a-z]{1,12}){1,3}-[0-9]{1,2}")
AVAILABILITY_ZONE = re.compile(r"[a-z]{2,5}(-[a-z0-9]{1,12}){2,6}")
ACCOUNT_ID = re.compile(r"[0-9]{12}")
VPC_ID = re.compile(r"vpc-[0-9a-f]{8,17}")
SUBNET_ID = re.compile(r"subnet-[0-9a-f]{8,17}")
INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")
INSTANCE_TYPE = re.compile(r"[a-z0-9-]{1,24}\.[a-z0-9-]{1,24}")
RUNNER_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
LAUNCH_TYPE = re.compile(r"fargate|ec2|external")
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


def is_address(text: str) -> bool:
    """Return whether ``text`` is an IP literal."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True

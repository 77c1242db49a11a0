"""The cause of a failed probe, with its explanation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Cause(StrEnum):
    """Why a target is not up: the closed set of docs/diagnosis.md. Stable label values."""

    DNS_TIMEOUT = "dns_timeout"
    DNS_NXDOMAIN = "dns_nxdomain"
    DNS_NODATA = "dns_nodata"
    DNS_SERVFAIL = "dns_servfail"
    DNS_REFUSED = "dns_refused"
    DNS_SINKHOLED = "dns_sinkholed"
    NETWORK_UNREACHABLE = "network_unreachable"
    HOST_UNREACHABLE = "host_unreachable"
    ADMIN_PROHIBITED = "admin_prohibited"
    LOCAL_PORT_EXHAUSTED = "local_port_exhausted"
    LOCAL_RESOURCE_EXHAUSTED = "local_resource_exhausted"
    TCP_REFUSED = "tcp_refused"
    TCP_TIMEOUT = "tcp_timeout"
    TCP_RESET = "tcp_reset"
    TLS_RESET_ON_HELLO = "tls_reset_on_hello"
    TLS_TIMEOUT_ON_HELLO = "tls_timeout_on_hello"
    TLS_INTERCEPTED = "tls_intercepted"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_EXPIRED = "tls_expired"
    TLS_NOT_YET_VALID = "tls_not_yet_valid"
    TLS_NAME_MISMATCH = "tls_name_mismatch"
    TLS_PROTOCOL = "tls_protocol"
    PROXY_UNREACHABLE = "proxy_unreachable"
    PROXY_AUTH_REQUIRED = "proxy_auth_required"
    PROXY_DENIED = "proxy_denied"
    PROXY_UPSTREAM_FAILED = "proxy_upstream_failed"
    HTTP_TIMEOUT = "http_timeout"
    HTTP_BLOCKED_PAGE = "http_blocked_page"
    HTTP_STATUS = "http_status"
    HTTP_PROTOCOL = "http_protocol"
    HTTP_TRUNCATED = "http_truncated"
    UDP_NO_REPLY = "udp_no_reply"
    UDP_PORT_UNREACHABLE = "udp_port_unreachable"
    IMDS_HOP_LIMIT = "imds_hop_limit"
    IMDS_DISABLED = "imds_disabled"
    IMDS_V1_ONLY = "imds_v1_only"
    AWS_NO_CREDENTIALS = "aws_no_credentials"
    AWS_PERMISSION_DENIED = "aws_permission_denied"
    AMI_NOT_VISIBLE = "ami_not_visible"
    AMI_NOT_LAUNCHABLE = "ami_not_launchable"
    VPC_ENDPOINT_DENIED = "vpc_endpoint_denied"
    ADDRESS_FAILED = "address_failed"
    CLOCK_SKEW = "clock_skew"
    SLOW = "slow"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an attempt means: exactly one cause or none, and what to do about it.

    ``detail`` is one plain sentence, ``remediation`` one thing to do; both are empty when
    ``cause`` is None. ``evidence`` holds short ``name: value`` facts, safe to print.
    """

    cause: Cause | None
    detail: str = ""
    remediation: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)

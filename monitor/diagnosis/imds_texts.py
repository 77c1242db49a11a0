"""The sentence and the remediation of instance metadata that answers wrongly. Pure."""

from __future__ import annotations

from monitor.model.causes import Cause
from monitor.model.probe_result import Failure

C = Cause

_UNFINISHED = (
    "Something takes connections at {host}, but does not answer as instance metadata: {error}.",
    "Repeat it on this host (`curl -v -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "
    "http://{host}/latest/api/token`) and look for what intercepts that address (`nft list "
    "ruleset`, kube2iam, a proxy). Security groups and network ACLs do not filter it.",
)
_FAILS = (
    "Instance metadata, or what answers in its place, fails (status {code}).",
    "Retry it. If it lasts, look for what answers in the place of {host} (kube2iam, kiam, a proxy: "
    "`nft list ruleset`) and read its log; without such a thing, stop and start the instance.",
)
_OF_A_STREAM = frozenset({C.HTTP_TIMEOUT, C.HTTP_PROTOCOL, C.HTTP_TRUNCATED, C.TCP_RESET})
_PROBER = "imds"


def imds_text(cause: Cause, prober: str, failure: Failure) -> tuple[str, str] | None:
    """Return the templates of sentence and remediation; None if those of the cause's record fit.

    The service is one of the hypervisor, at a link-local address: it has no owner that could be
    asked, and no firewall of the network is on the path.
    """
    if prober != _PROBER:
        return None
    if cause in _OF_A_STREAM:
        return _UNFINISHED
    failed = cause is C.IMDS_REJECTED and (failure.code or "").startswith("5")
    return _FAILS if failed else None

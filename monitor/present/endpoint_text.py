"""Address of a target in a terminal report, and the path by which it was reached."""

from __future__ import annotations

from monitor.diagnosis.network_path import SENTENCES, NetworkPath, network_path
from monitor.diagnosis.proxy_path import proxy_path_text
from monitor.health.status import TargetStatus
from monitor.present.discovery_view import wildcard_sample_text
from monitor.present.report import address_of


def endpoint_text(status: TargetStatus, *, proxied: bool) -> str:
    """Return the address of a target, and how it was reached as far as that is not obvious.

    ``proxied``: there is more than one proxy path, and each target shows its own.
    """
    target, result = status.target, status.probe_result
    words = [address_of(target)]
    if proxied and result:
        words.append(proxy_path_text(target, result))
    path = network_path(target, result)
    if path not in {None, NetworkPath.PROXY}:
        words.append(SENTENCES[path])
    if target.wildcard_sample is not None:
        words.append(wildcard_sample_text(target))
    if inspector := status.diagnosis.evidence.get("inspected_by") if status.diagnosis else None:
        words.append(f"inspected by {inspector}")
    return ", ".join(words)

"""Placeholders ``{region}`` and ``{account_id}`` in hosts and paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from monitor.common import identifiers
from monitor.model.identity import Identity
from monitor.model.settings import Settings

_SHAPES = {"region": identifiers.REGION, "account_id": identifiers.ACCOUNT_ID}
"""Patterns of values. A value from instance metadata becomes part of a host name, so a malformed
one counts as unknown."""

_PLACEHOLDER = re.compile(r"\{(region|account_id)\}")

_SUFFIX = ".amazonaws.com"

DNS_SUFFIXES: Mapping[str, str] = MappingProxyType(
    {
        "cn-": ".amazonaws.com.cn",
        "eusc-": ".amazonaws.eu",
        "us-iso-": ".c2s.ic.gov",
        "us-isob-": ".sc2s.sgov.gov",
    }
)
"""AWS's DNS suffix by the prefix of the region name, if it is not amazonaws.com (the partitions of
the AWS SDKs' endpoint data). GovCloud uses amazonaws.com."""


def values_of(settings: Settings, identity: Identity) -> Mapping[str, str]:
    """Return the known values: from the configuration, else from the identity."""
    found = {
        "region": settings.region or identity.region,
        "account_id": settings.account_id or identity.account_id,
    }
    return {name: value for name, value in found.items() if _SHAPES[name].fullmatch(value)}


def unknown_in(text: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of placeholders in ``text`` that ``values`` cannot fill."""
    names = dict.fromkeys(_PLACEHOLDER.findall(text))
    return tuple(name for name in names if name not in values)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Fill the known placeholders; an unknown one stays as written."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


def fill_host(host: str, values: Mapping[str, str]) -> str:
    """Fill a host; a regional AWS name gets the DNS suffix of the region's partition."""
    region = values.get("region", "")
    if "{region}" in host and host.endswith(_SUFFIX):
        for prefix, suffix in DNS_SUFFIXES.items():
            if region.startswith(prefix):
                host = host.removesuffix(_SUFFIX) + suffix
    return fill(host, values)

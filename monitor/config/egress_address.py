"""Settings of the table [egress_address]."""

from __future__ import annotations

from monitor.config.reader import Reading
from monitor.config.urls import QueryUrl
from monitor.model.settings import EgressAddressSettings


def egress_address_settings(reading: Reading) -> EgressAddressSettings | None:
    """Return the service that reports the public address; None without one."""
    values = dict(reading.table("egress_address"))
    url: QueryUrl | None = values.pop("url", None)
    if url is None:
        if values and not reading.reported("egress_address.url"):
            remediation = 'write url = "https://checkip.amazonaws.com", or remove the table'
            reading.problem("egress_address.url", "it is missing", remediation)
        return None
    parts = url.parts
    path = parts.path + (f"?{url.query}" if url.query else "")
    return EgressAddressSettings(
        parts.scheme, parts.host, parts.port, path, shown_url=url.shown, **values
    )

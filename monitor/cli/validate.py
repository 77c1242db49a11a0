"""``egress-monitor validate``: whether the configuration can be used, without any traffic."""

from __future__ import annotations

import sys

from monitor.catalog import build_targets
from monitor.cli.options import Options
from monitor.cli.output import print_wrapped
from monitor.cli.selection import select
from monitor.daemon.identity import from_environment
from monitor.net.proxy.audit import audit_proxies
from monitor.net.sockets.trust_store import TrustStore
from monitor.present.formats import Format
from monitor.present.report import encode, validation_document, validation_lines, warnings_of

_NO_CA = (
    "this host trusts no CA, so every TLS endpoint will fail; install ca-certificates, or set "
    "SSL_CERT_FILE or [tls] ca_file"
)


def main(options: Options) -> int:
    """Print what the configuration comes to, and return 0.

    Raises:
        ConfigError: if the configuration or ``--only`` is wrong.
    """
    settings = options.settings()
    identity = from_environment(settings, options.environ)
    everything = build_targets(settings, identity, settings.dns.servers, include_disabled=True)
    targets = select(everything, options.only)
    warnings = warnings_of(settings, targets, audit_proxies(settings.proxy, options.environ))
    if TrustStore.from_settings(settings.tls).is_empty():
        warnings = (*warnings, _NO_CA)
    if options.format is Format.JSON:
        print(encode(validation_document(settings, targets, warnings)))
    else:
        print_wrapped(validation_lines(settings, targets, warnings), sys.stdout)
    return 0

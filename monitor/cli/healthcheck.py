"""``egress-monitor healthcheck``: asks the running monitor whether it is well."""

from __future__ import annotations

import ssl
import sys
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from monitor.cli.options import Options
from monitor.config import load_settings
from monitor.model.settings import ConfigError, WebSettings

TIMEOUT = 3.0
"""Seconds for connecting, and again for the answer."""

_EVERY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def main(options: Options) -> int:
    """Return 0 if ``GET /healthz`` of the monitor on this machine answers 200, else 1."""
    web = _web_settings(options)
    host = _EVERY_ADDRESS.get(web.host, web.host)
    port = options.port or web.port
    try:
        status = _status_of(_connection(host, port, tls=web.cert_file is not None))
    except (OSError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        print(f"no answer from {host} port {port}: {reason}", file=sys.stderr)
        return 1
    if status != 200:
        print(f"{host} port {port} answered {status}", file=sys.stderr)
        return 1
    return 0


def _connection(host: str, port: int, *, tls: bool) -> HTTPConnection:
    if not tls:
        return HTTPConnection(host, port, timeout=TIMEOUT)
    # It is this machine's own server, asked by address: there is no name to verify.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return HTTPSConnection(host, port, timeout=TIMEOUT, context=context)


def _status_of(connection: HTTPConnection) -> int:
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status
    finally:
        connection.close()


def _web_settings(options: Options) -> WebSettings:
    try:
        return load_settings(options.config, options.environ).web
    except ConfigError:
        # The monitor goes on with its old configuration when the new one is wrong.
        return WebSettings()

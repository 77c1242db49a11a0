"""Requests to a metadata service of AWS: one bounded response, no redirect followed, no proxy."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from monitor.net.errors import ExchangeError
from monitor.net.http.request import authority, encode_request
from monitor.net.http.response import ResponseParser, read_response
from monitor.net.sockets.socket_address import family_of
from monitor.net.sockets.stream import Stream, TcpStream, TlsStream

_SIZE_LIMIT = 65_536
_PORTS = {"http": 80, "https": 443}


class MetadataStatusError(ValueError):
    """The service answered with another status than 200."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status} instead of 200")
        self.status = status


async def fetch(method: str, url: str, headers: Mapping[str, str] | None = None) -> bytes:
    """Return the body of a response 200.

    Raises:
        OSError: if the service cannot be reached, or ends the connection.
        MetadataStatusError: if it answers with another status.
        ValueError: if ``url`` is not one of HTTP, or the response is not HTTP or has a body of
            more than 64 KiB.
    """
    parts = urlsplit(url)
    host, scheme = parts.hostname, parts.scheme
    if not host or scheme not in _PORTS:
        raise ValueError("not an HTTP URL")
    port = parts.port or _PORTS[scheme]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = encode_request(method, target, authority(host, port, _PORTS[scheme]), headers)
    address = await _address_of(host, port)
    tcp = TcpStream(family_of(address))
    try:
        await tcp.connect(address, port)
        stream: Stream = tcp
        if scheme == "https":
            stream = tls = TlsStream(tcp, ssl.create_default_context(), host)
            await tls.handshake()
        await stream.send(request)
        return await _body(stream, method)
    except ExchangeError as error:
        raise ValueError(error.message) from None
    except EOFError:
        raise ConnectionResetError("the service closed the connection") from None
    finally:
        tcp.close()


async def _body(stream: Stream, method: str) -> bytes:
    parser = ResponseParser(method, _SIZE_LIMIT)
    head = await read_response(stream, parser)
    if head.status != 200:
        raise MetadataStatusError(head.status)
    if parser.capped:
        raise ValueError(f"more than {_SIZE_LIMIT} bytes")
    return bytes(parser.body)


async def _address_of(host: str, port: int) -> str:
    """Return an address of a host, which is an IP literal at all of AWS's own services."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port)
    return str(found[0][4][0])

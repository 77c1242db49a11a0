"""A small internet on loopback: a name server, web sites, lighthouses, instance metadata.

Every host of the catalogue has an address of its own in 127.0.0.0/8, so that each can break by
itself; nothing leaves the machine, and nothing needs a privilege.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from pathlib import Path

import trustme

from monitor.model.endpoint import Protocol, StatusSet
from monitor.model.target import Target
from monitor.net.aws.imds import DOCUMENT_PATH, MAC_PATH, TOKEN_PATH, interface_path

NAME_SERVER = METADATA = "127.0.0.1"
LOCAL_CA = "Egress Monitor Demo CA"
INSPECTING_CA = "Corporate TLS Inspection Firewall CA"
MAC = "0e:49:61:0f:c3:11"
_REQUEST_LIMIT = 16_384
_UNRECOGNIZED_NAME = b"\x15\x03\x03\x00\x02\x02\x70"  # TLS alert, fatal (RFC 8446 section 6)
_LINGER_NOT = struct.pack("ii", 1, 0)  # struct linger: on, for no time: close() sends a reset


class Manner(Enum):
    """The behavior of a site towards clients."""

    WELL = auto()
    DROPPING = auto()
    REFUSING = auto()
    FILTERED = auto()
    INSPECTED = auto()
    EXPIRED = auto()
    BLOCKED = auto()
    UNAVAILABLE = auto()
    DENYING = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a GET."""

    status: int = 200
    header: str = ""
    body: str = "ok"

    def encode(self) -> bytes:
        """Return it as HTTP/1.1; the connection is closed behind it."""
        body = self.body.encode()
        head = (f"HTTP/1.1 {self.status} -", f"Content-Length: {len(body)}", "Connection: close")
        lines = (*head, self.header) if self.header else head
        return "\r\n".join((*lines, "", "")).encode() + body


NOT_FOUND = Answer(404)
ANSWERS: Mapping[Manner, Answer] = {
    Manner.BLOCKED: Answer(
        403, "Content-Type: text/html", "<html><h1>Access denied</h1>Blocked by category.</html>"
    ),
    Manner.UNAVAILABLE: Answer(503, body="overloaded"),
    Manner.DENYING: Answer(
        403,
        "x-amzn-RequestId: demo",
        '{"Message": "not authorized because no VPC endpoint policy allows the action"}',
    ),
}
"""Response to every request at a site with a fault, if it responds at all."""


@dataclass(slots=True)
class Site:
    """A host: its ``address``, and its responses by path. One without ``answers`` accepts TCP and
    closes. It exists after the first call of ``behave``."""

    host: str
    address: str
    answers: Mapping[str, Answer]
    contexts: Mapping[Manner, ssl.SSLContext]
    port: int = 0
    manner: Manner = Manner.WELL
    _server: asyncio.Server | None = None
    _stuck: list[socket.socket] = field(default_factory=list)

    async def behave(self, manner: Manner) -> None:
        """Behave in this manner towards new clients."""
        self.close()
        self.manner = manner
        if manner is Manner.DROPPING:
            self._stuck = _full_queue(self.address, self.port)
        elif manner is not Manner.REFUSING:
            self._server = await asyncio.start_server(
                self._serve, self.address, self.port, limit=_REQUEST_LIMIT
            )
            self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for each in self._stuck:
            each.close()
        self._stuck = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.LimitOverrunError):
            if self.manner is Manner.FILTERED:
                self._filter(await reader.read(_REQUEST_LIMIT), writer)
            elif self.answers:
                await writer.start_tls(self.contexts.get(self.manner, self.contexts[Manner.WELL]))
                writer.write(self._answer(await reader.readuntil(b"\r\n\r\n")).encode())
                await writer.drain()
        writer.close()

    def _filter(self, hello: bytes, writer: asyncio.StreamWriter) -> None:
        """Reset a connection whose ClientHello names this host; others get as far as an alert."""
        if self.host.encode() in hello:
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        else:
            writer.write(_UNRECOGNIZED_NAME)

    def _answer(self, request: bytes) -> Answer:
        path = request.split(b" ", 2)[1].partition(b"?")[0].decode("latin-1")
        return ANSWERS.get(self.manner) or self.answers.get(path, NOT_FOUND)


def _full_queue(address: str, port: int) -> list[socket.socket]:
    """Return sockets that together make Linux drop every SYN to the port: one that listens with a
    full accept queue, and those that fill it."""
    listener = socket.create_server((address, port), backlog=0)
    stuck = [listener]
    for _ in range(2):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex((address, port))
        stuck.append(filler)
    return stuck


class NameServer(asyncio.DatagramProtocol):
    """Answers A queries from ``addresses`` (RFC 1035 section 4); other names do not exist."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self.silent = False
        self._addresses = addresses

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self.silent:
            with suppress(ValueError, IndexError, struct.error):
                self._transport.sendto(self._reply(data), addr)

    def _reply(self, query: bytes) -> bytes:
        labels, position = [], 12
        while size := query[position]:
            labels.append(query[position + 1 : position + 1 + size].decode("ascii"))
            position += 1 + size
        (qtype,) = struct.unpack_from("!H", query, position + 1)
        address = self._addresses.get(".".join(labels).lower())
        status = b""
        if address is not None and qtype == 1:
            # A pointer to the question's name, type A, class IN, TTL, length, address.
            status = struct.pack("!HHHIH4s", 0xC00C, 1, 1, 60, 4, socket.inet_aton(address))
        flags = 0x8180 if address is not None else 0x8183  # answer, recursion; NXDOMAIN
        header = query[:2] + struct.pack("!HHHHH", flags, 1, bool(status), 0, 0)
        return header + query[12 : position + 5] + status


class Lighthouse(asyncio.DatagramProtocol):
    """A Nebula node as strangers see it: it answers packets of unknown tunnels with recv_error (see
    ``monitor.net.nebula``)."""

    def __init__(self) -> None:
        self.silent = False

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) == 16 and not self.silent:
            self._transport.sendto(b"\x12\0\0\0" + data[4:8] + bytes(8), addr)


class Metadata:
    """Instance metadata v2. With ``hop_limit`` the response to the PUT never arrives."""

    hop_limit = False
    token = "demo"
    pages: Mapping[str, str] = {
        MAC_PATH: MAC,
        interface_path(MAC, "vpc-id"): "vpc-0a1b2c3d4e5f60718",
        interface_path(MAC, "subnet-id"): "subnet-0a1b2c3d4e5f60718",
        DOCUMENT_PATH: json.dumps(
            {
                "accountId": "123456789012",
                "availabilityZone": "eu-central-1a",
                "instanceId": "i-0123456789abcdef0",
                "region": "eu-central-1",
            }
        ),
    }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        with suppress(OSError, EOFError, asyncio.LimitOverrunError):
            request = await reader.readuntil(b"\r\n\r\n")
            if self.hop_limit and request.startswith(b"PUT "):
                await reader.read()
            else:
                writer.write(self._answer(request.decode("latin-1")).encode())
                await writer.drain()
        writer.close()

    def _answer(self, request: str) -> Answer:
        method, path, _ = request.split(" ", 2)
        if method == "PUT" and path == TOKEN_PATH:
            return Answer(body=self.token)
        if f"x-aws-ec2-metadata-token: {self.token}\r\n" not in request.lower():
            return Answer(401)
        return Answer(body=self.pages[path]) if path in self.pages else NOT_FOUND


@dataclass(slots=True)
class Internet:
    """Everything there is: sites by host, and where the monitor finds the rest."""

    sites: Mapping[str, Site]
    name_server: NameServer
    lighthouses: Mapping[str, Lighthouse]
    metadata: Metadata
    ca_file: Path
    dns_port: int
    metadata_port: int
    udp_ports: Mapping[str, int]

    def port_of(self, target: Target) -> int:
        """Return the port that a target has here."""
        udp = target.endpoint.protocol is Protocol.UDP
        return self.udp_ports[target.host] if udp else self.sites[target.host].port


@asynccontextmanager
async def small_internet(targets: Sequence[Target], folder: Path) -> AsyncIterator[Internet]:
    """Start what answers ``targets`` (HTTPS, TCP and UDP), for the length of the block. What is
    to be trusted is written below ``folder``."""
    loop = asyncio.get_running_loop()
    hosts = sorted({target.host for target in targets})
    addresses = {host: f"127.0.1.{number}" for number, host in enumerate(hosts, 1)}
    contexts = await asyncio.to_thread(_contexts, hosts, folder)
    sites = {host: Site(host, addresses[host], _answers(targets, host), contexts) for host in hosts}
    udp = {target.host for target in targets if target.endpoint.protocol is Protocol.UDP}
    transports: list[asyncio.DatagramTransport] = []

    async def listen(protocol: asyncio.DatagramProtocol, address: str) -> int:
        transport, _ = await loop.create_datagram_endpoint(lambda: protocol, (address, 0))
        transports.append(transport)
        return int(transport.get_extra_info("sockname")[1])

    name_server, lighthouses = NameServer(addresses), {host: Lighthouse() for host in udp}
    metadata = Metadata()
    service = await asyncio.start_server(metadata.serve, METADATA, 0, limit=_REQUEST_LIMIT)
    try:
        for site in sites.values():
            await site.behave(Manner.WELL)
        yield Internet(
            sites=sites,
            name_server=name_server,
            lighthouses=lighthouses,
            metadata=metadata,
            ca_file=folder / "ca.pem",
            dns_port=await listen(name_server, NAME_SERVER),
            metadata_port=service.sockets[0].getsockname()[1],
            udp_ports={
                host: await listen(each, addresses[host]) for host, each in lighthouses.items()
            },
        )
    finally:
        service.close()
        for site in sites.values():
            site.close()
        for transport in transports:
            transport.close()


def _answers(targets: Iterable[Target], host: str) -> Mapping[str, Answer]:
    """Return what a host answers, so that it is what the catalogue expects."""
    answers = {}
    for target in targets:
        if target.host == host and target.endpoint.protocol is Protocol.HTTPS:
            expect = target.endpoint.expect
            header = f"{expect.headers[0]}: demo" if expect.headers else ""
            answers[target.endpoint.path.partition("?")[0]] = Answer(
                _status(expect.statuses), header
            )
    return answers


def _status(statuses: StatusSet) -> int:
    return 200 if 200 in statuses else statuses.ranges[0][0]


def _contexts(hosts: Sequence[str], folder: Path) -> Mapping[Manner, ssl.SSLContext]:
    """Return what sites show: a good certificate, an expired one, and that of an inspecting
    firewall, all for every host."""
    local, inspecting = _authority(LOCAL_CA), _authority(INSPECTING_CA)
    local.cert_pem.write_to_path(str(folder / "ca.pem"))
    now = datetime.now(UTC)
    shown = {
        Manner.WELL: local.issue_cert(*hosts),
        Manner.EXPIRED: local.issue_cert(
            *hosts, not_before=now - timedelta(days=90), not_after=now - timedelta(hours=2)
        ),
        Manner.INSPECTED: inspecting.issue_cert(*hosts),
    }
    return {manner: _context(certificate) for manner, certificate in shown.items()}


def _authority(name: str) -> trustme.CA:
    return trustme.CA(organization_name=name, organization_unit_name="demo")


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context

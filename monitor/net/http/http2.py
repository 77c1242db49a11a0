"""One request by HTTP/2 (RFC 9113), with the ``h2`` library, which is imported on first use."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.model.probe_result import FailureKind
from monitor.net.errors import ExchangeError
from monitor.net.http.fields import Head
from monitor.net.http.response import BODY_LIMIT, HEAD_LIMIT
from monitor.net.sockets.stream import Stream

if TYPE_CHECKING:
    from h2.connection import H2Connection
    from h2.events import Event

ALPN = "h2"
_STREAM = 1
_RECEIVED_LIMIT = 4 * (HEAD_LIMIT + BODY_LIMIT)

INTERVAL = 3600.0
"""Time between two HTTP/2 exchanges with a target that passed the last one: 1 h."""

_TARGETS_KEPT = 4_096


class Http2Schedule:
    """Times at which HTTP/2 is offered to each target: at first, then every hour, again at once if
    it failed, and always to a server that speaks nothing else."""

    def __init__(self) -> None:
        self._due: OrderedDict[str, float] = OrderedDict()

    def due(self, target_id: str, now: float) -> bool:
        """Return whether the next probe is to offer HTTP/2; ``now`` is monotonic seconds."""
        return now >= self._due.get(target_id, 0.0)

    def passed(self, target_id: str, now: float) -> None:
        """Note that HTTP/2 works, or is not offered by the server."""
        self._due[target_id] = now + INTERVAL
        self._due.move_to_end(target_id)
        while len(self._due) > _TARGETS_KEPT:
            self._due.popitem(last=False)

    def repeat(self, target_id: str) -> None:
        """Offer HTTP/2 in the next probe as well: it failed, or nothing else is spoken."""
        self._due.pop(target_id, None)


@dataclass(frozen=True, slots=True)
class Request:
    """A request without a body."""

    method: str
    authority: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Response:
    head: Head | None = None
    body: bytearray = field(default_factory=bytearray)
    done: bool = False


async def request_http2(
    stream: Stream, request: Request, on_first_byte: Callable[[], None]
) -> tuple[Head, bytes]:
    """Send a request as the first one of a connection, and return head and body of the response;
    of the body at most 64 KiB.

    Raises:
        ExchangeError: HTTP_FORMAT, if the peer breaks HTTP/2 or ends stream or connection.
        EOFError: if it closes the connection.
        OSError: if the connection broke.
    """
    from h2.exceptions import ProtocolError  # noqa: PLC0415 - few probes need it

    connection = _connection()
    connection.initiate_connection()
    connection.send_headers(_STREAM, _fields(request), end_stream=True)
    response, received = _Response(), 0
    while not response.done:
        if pending := connection.data_to_send():
            await stream.send(pending)
        data = await stream.receive()
        if not received:
            on_first_byte()
        received += len(data)
        if not data:
            raise EOFError
        if received > _RECEIVED_LIMIT:
            raise _broken("it sends frames without end", "FRAMES_WITHOUT_END")
        try:
            _take(connection, response, connection.receive_data(data))
        except ProtocolError as error:
            raise _broken(str(error) or type(error).__name__, type(error).__name__) from None
    if response.head is None:
        raise _broken("the stream ended without a response", "NO_RESPONSE")
    return response.head, bytes(response.body)


def _connection() -> H2Connection:
    from h2.config import H2Configuration  # noqa: PLC0415
    from h2.connection import H2Connection  # noqa: PLC0415

    return H2Connection(H2Configuration(client_side=True, header_encoding=None))


def _fields(request: Request) -> list[tuple[str, str]]:
    return [
        (":method", request.method),
        (":scheme", "https"),
        (":authority", request.authority),
        (":path", request.path),
        *((name.lower(), value) for name, value in request.headers.items()),
    ]


def _take(connection: H2Connection, response: _Response, events: Iterable[Event]) -> None:
    from h2 import events as h2  # noqa: PLC0415

    for event in events:
        if isinstance(event, h2.ResponseReceived):
            response.head = _head(event.headers or [])
        elif isinstance(event, h2.DataReceived):
            connection.acknowledge_received_data(event.flow_controlled_length or 0, _STREAM)
            response.body += (event.data or b"")[: BODY_LIMIT - len(response.body)]
            response.done = response.done or len(response.body) >= BODY_LIMIT
        elif isinstance(event, h2.StreamEnded):
            response.done = True
        elif isinstance(event, h2.StreamReset):
            raise _broken(f"it reset the stream ({_code(event.error_code)})", "RST_STREAM")
        elif isinstance(event, h2.ConnectionTerminated) and not response.done:
            raise _broken(f"it sent GOAWAY ({_code(event.error_code)})", "GOAWAY")


def _head(fields: Iterable[tuple[bytes | str, bytes | str]]) -> Head:
    lists: dict[str, tuple[str, ...]] = {}
    for raw_name, raw_value in fields:
        name, value = (
            t if isinstance(t, str) else t.decode("latin-1") for t in (raw_name, raw_value)
        )
        lists[name] = (*lists.get(name, ()), value)
    status = lists.pop(":status", ("",))[0]
    if len(status) != 3 or not (status.isascii() and status.isdecimal()):
        raise _broken("the status is not a number", "STATUS")
    return Head("2.0", int(status), {n: ", ".join(v) for n, v in lists.items()}, lists)


def _text(octets: bytes | str) -> str:
    return octets if isinstance(octets, str) else octets.decode("latin-1")


def _code(code: object) -> str:
    return getattr(code, "name", str(code))


def _broken(what: str, code: str) -> ExchangeError:
    return ExchangeError(FailureKind.HTTP_FORMAT, f"HTTP/2: {what}", code)

"""When and how a target is asked by HTTP/2 (RFC 9113)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from monitor.net.http.fields import Head
from monitor.net.http.http2_exchange import HEAD_LIMIT, ResponseReader, encode_request
from monitor.net.http.http2_frames import broken
from monitor.net.http.response import BODY_LIMIT
from monitor.net.sockets.stream import Stream

ALPN = "h2"
_RECEIVED_LIMIT = 8 * (HEAD_LIMIT + BODY_LIMIT)

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


async def request_http2(
    stream: Stream, request: Request, on_first_byte: Callable[[], None]
) -> tuple[Head, bytes]:
    """Send a request as the first one of a connection, and return head and body of the response;
    of the body at most 64 KiB.

    Raises:
        ExchangeError: HTTP_FORMAT, if the peer breaks HTTP/2 or ends stream or connection;
            HTTP_TRUNCATED, if the body is shorter than announced.
        EOFError: if it closes the connection.
        OSError: if the connection broke.
    """
    reader, received = ResponseReader(request.method), 0
    await stream.send(encode_request(_fields(request)))
    while not reader.done:
        data = await stream.receive()
        if not received:
            on_first_byte()
        received += len(data)
        if not data:
            raise EOFError
        if received > _RECEIVED_LIMIT:
            raise broken("it sends frames without end", "FRAMES_WITHOUT_END")
        reader.feed(data)
        if reader.outgoing and not reader.done:
            await stream.send(bytes(reader.outgoing))
            reader.outgoing.clear()
    if reader.head is None:
        raise broken("the stream ended without a response", "NO_RESPONSE")
    return reader.head, bytes(reader.body)


def _fields(request: Request) -> list[tuple[str, str]]:
    return [
        (":authority", request.authority),
        (":method", request.method),
        (":path", request.path),
        (":scheme", "https"),
        *((name.lower(), value) for name, value in request.headers.items()),
    ]

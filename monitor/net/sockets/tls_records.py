"""TLS record framing: bounds on what a peer may send around the data (RFC 8446 section 5.1)."""

from __future__ import annotations

from monitor.model.probe_result import FailureKind
from monitor.net.errors import ExchangeError

_HEADER_SIZE = 5
"""Bytes of a record header: type, legacy version and length."""

RECORDS_AT_ONCE = 16
"""Records handed to OpenSSL between two chances to yield: 16. A KeyUpdate costs about 50 µs."""

USELESS_RECORDS_LIMIT = 16
"""Consecutive records without data (KeyUpdate, NewSessionTicket, empty records) that are read
after the handshake: 16, as in Go's crypto/tls (``maxUselessRecords``)."""

_RECORDS_FREE = 4_096
_AVERAGE_RECORD = 256
"""Bytes that records beyond the first 4,096 have on average at least, headers included."""

_WIRE_FREE = 1_048_576
_WIRE_PER_BYTE = 4
"""Bytes on the wire per byte of data beyond the first MiB (padding, RFC 8446 section 5.4)."""


class RecordReader:
    """Splits received bytes at record boundaries and counts what came over the wire.

    ``put`` what was received; ``take`` returns it in pieces of ``RECORDS_AT_ONCE`` records.
    """

    __slots__ = ("_ahead", "_body_left", "_header", "_useless", "data", "records", "wire")

    def __init__(self) -> None:
        self._ahead = b""
        self._header = b""
        self._body_left = 0
        self._useless = 0
        self.records = 0
        self.wire = 0
        self.data = 0

    @property
    def pending(self) -> bool:
        """Whether ``take`` has more to return."""
        return bool(self._ahead)

    def put(self, received: bytes) -> None:
        """Take in what was received from the peer."""
        self._ahead += received

    def take(self) -> bytes:
        """Return the next piece: it ends at the end of a record or of what was received.

        Raises:
            ExchangeError: TLS_PROTOCOL, if there are more records or bytes than any real peer
                sends for so little data.
        """
        ahead, position, started = self._ahead, 0, self.records
        # Near the limit one by one, so that data right behind the last useless record counts.
        at_once = 1 if self._useless >= USELESS_RECORDS_LIMIT else RECORDS_AT_ONCE
        while position < len(ahead) and (self._body_left or self.records - started < at_once):
            position = self._step(ahead, position)
        piece, self._ahead = ahead[:position], ahead[position:]
        self.wire += len(piece)
        self._useless += self.records - started
        self._check()
        return piece

    def delivered(self, count: int) -> None:
        """Note that ``count`` bytes of data were decrypted."""
        self.data += count
        self._useless = 0

    def start_of_data(self) -> None:
        """Note that the handshake is over: its own records are not useless ones."""
        self._useless = 0

    def _step(self, ahead: bytes, position: int) -> int:
        """Step over the rest of a record's body or header; returns where that ends."""
        if self._body_left:
            count = min(self._body_left, len(ahead) - position)
            self._body_left -= count
            return position + count
        end = position + _HEADER_SIZE - len(self._header)
        self._header += ahead[position:end]
        if len(self._header) < _HEADER_SIZE:
            return len(ahead)
        self._body_left = int.from_bytes(self._header[3:], "big")
        self._header = b""
        self.records += 1
        return end

    def _check(self) -> None:
        small = self.records > _RECORDS_FREE and self.wire < (
            (self.records - _RECORDS_FREE) * _AVERAGE_RECORD
        )
        padded = self.wire > _WIRE_FREE + self.data * _WIRE_PER_BYTE
        if small or padded:
            raise ExchangeError(
                FailureKind.TLS_PROTOCOL,
                f"the peer sent {self.records} TLS records ({self.wire} bytes) for "
                f"{self.data} bytes of data",
                "RECORDS_WITHOUT_END",
            )

    def check_useless(self) -> None:
        """Check how many records in a row held no data.

        Raises:
            ExchangeError: TLS_PROTOCOL, if there were too many.
        """
        useless = self._useless - bool(self._body_left)  # without the one under way
        if useless > USELESS_RECORDS_LIMIT:
            raise ExchangeError(
                FailureKind.TLS_PROTOCOL,
                f"the peer sent {useless} TLS records in a row without data",
                "RECORDS_WITHOUT_END",
            )

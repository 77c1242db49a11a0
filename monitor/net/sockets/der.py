"""Reader of DER (X.690), the encoding of X.509 certificates."""

from __future__ import annotations

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8_STRING, NUMERIC_STRING, PRINTABLE_STRING, T61_STRING, IA5_STRING = 0x0C, 0x12, 0x13, 0x14, 0x16
UTC_TIME, GENERALIZED_TIME, BMP_STRING, SEQUENCE, SET = 0x17, 0x18, 0x1E, 0x30, 0x31

_LENGTH_OCTETS = 4


def context_tag(number: int, *, constructed: bool = False) -> int:
    """Return the identifier octet of a context-specific tag (X.690 section 8.1.2)."""
    return 0x80 | number | (0x20 if constructed else 0)


class DerError(ValueError):
    """Bytes that are not the DER that was expected."""


class DerReader:
    """Reads the elements of a DER value one after the other.

    Every method that reads raises ``DerError`` if the bytes are not what it expects.
    """

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self._position = start
        self._end = len(data) if end is None else end

    @property
    def empty(self) -> bool:
        """Whether every element was read."""
        return self._position >= self._end

    @property
    def rest(self) -> bytes:
        """The bytes that were not read yet."""
        return self._data[self._position : self._end]

    def peek(self) -> int | None:
        """Return the identifier octet of the next element; None after the last one."""
        return None if self.empty else self._data[self._position]

    def read(self, tag: int) -> DerReader:
        """Return a reader of the contents of the next element, which has to have ``tag``."""
        if self.peek() != tag:
            raise DerError(f"tag {tag:#04x} expected")
        return self.read_any()[1]

    def read_any(self) -> tuple[int, DerReader]:
        """Return tag and contents of the next element."""
        if self.empty:
            raise DerError("an element is missing")
        tag = self._data[self._position]
        start, end = self._bounds()
        self._position = end
        return tag, DerReader(self._data, start, end)

    def optional(self, tag: int) -> DerReader | None:
        """Return the contents of the next element if it has ``tag``."""
        return self.read(tag) if self.peek() == tag else None

    def element(self, tag: int) -> bytes:
        """Return the next element as it is encoded, which has to have ``tag``."""
        begin = self._position
        self.read(tag)
        return self._data[begin : self._position]

    def integer(self) -> int:
        """Read an INTEGER."""
        octets = self.read(INTEGER).rest
        if not octets:
            raise DerError("an empty integer")
        return int.from_bytes(octets, "big", signed=True)

    def boolean(self, *, default: bool = False) -> bool:
        """Read an optional BOOLEAN."""
        value = self.optional(BOOLEAN)
        return default if value is None else value.rest != b"\x00"

    def is_boolean(self) -> bool:
        """Whether the next element is a BOOLEAN in DER: false is 0x00, true 0xFF (X.690 section
        11.1)."""
        return self._data[self._position : self._end][:2] == b"\x01\x01" and self._data[
            self._position + 2 : self._position + 3
        ] in {b"\x00", b"\xff"}

    def oid(self) -> str:
        """Read an OBJECT IDENTIFIER as dotted numbers (X.690 section 8.19)."""
        octets = self.read(OID).rest
        if not octets or octets[-1] & 0x80:
            raise DerError("an incomplete object identifier")
        numbers, value = [], 0
        for octet in octets:
            value = value << 7 | octet & 0x7F
            if not octet & 0x80:
                numbers.append(value)
                value = 0
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))

    def _bounds(self) -> tuple[int, int]:
        """Return start and end of the next element's contents (X.690 section 8.1.3)."""
        try:
            first = self._data[self._position + 1]
        except IndexError:
            raise DerError("an element without length") from None
        start = self._position + 2
        length = first
        if first & 0x80:
            octets = first & 0x7F
            if not 1 <= octets <= _LENGTH_OCTETS:
                raise DerError("an indefinite or excessive length")
            length = int.from_bytes(self._data[start : start + octets], "big")
            start += octets
        if start + length > self._end:
            raise DerError("an element that is cut short")
        return start, start + length

"""The two files that a host resolves names by: /etc/hosts and /etc/resolv.conf."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from monitor.common.identifiers import is_address
from monitor.net.dns.message import normal_name

T = TypeVar("T")
_SIZE_LIMIT = 1_048_576
_SERVERS_LIMIT = 3  # MAXNS of resolv.conf(5)


def parse_hosts(text: str) -> Mapping[str, tuple[str, ...]]:
    """Read hosts(5): names in lower case to their addresses, in the order of the file."""
    table: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if is_address(address):
            for name in names:
                table.setdefault(normal_name(name), []).append(address)
    return {name: tuple(addresses) for name, addresses in table.items()}


def parse_resolv_conf(text: str) -> tuple[str, ...]:
    """Read the name servers of resolv.conf(5), three at the most; the host's own address
    when it names none. Search domains and options are not looked at."""
    servers = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver" and is_address(words[1]):
            servers.append(words[1])
    return tuple(servers[:_SERVERS_LIMIT]) or ("127.0.0.1",)


class WatchedFile(Generic[T]):
    """A file's parsed content, read again when the file was changed or replaced."""

    def __init__(self, path: Path, parse: Callable[[str], T]) -> None:
        self._path = path
        self._parse = parse
        self._seen: tuple[int, int, int] | None = None
        self._value = parse("")

    def read(self) -> T:
        """Return the content as it is now; that of an empty file when there is none."""
        try:
            stat = self._path.stat()
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if seen != self._seen:
                with self._path.open(encoding="utf-8", errors="replace") as file:
                    self._value = self._parse(file.read(_SIZE_LIMIT))
                self._seen = seen
        except OSError:
            self._seen, self._value = None, self._parse("")
        return self._value

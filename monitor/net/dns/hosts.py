"""The two files that a host resolves names by: /etc/hosts and /etc/resolv.conf."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from monitor.common.identifiers import is_address
from monitor.net.dns.message import normal_name

T = TypeVar("T")
_SIZE_LIMIT = 1_048_576
_SERVERS_LIMIT = 3  # MAXNS of resolv.conf(5)
_NDOTS_LIMIT = 15  # RES_MAXNDOTS of resolv.conf(5)
_NUMBER_LIMIT = 1000
_NAME_LIMIT = 253
_DIGITS = re.compile(r"[0-9]{1,9}")


def parse_hosts(text: str) -> Mapping[str, tuple[str, ...]]:
    """Read hosts(5): names in lower case to their addresses, in the order of the file."""
    table: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if is_address(address):
            for name in names:
                table.setdefault(normal_name(name), []).append(address)
    return {name: tuple(addresses) for name, addresses in table.items()}


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """The settings of resolv.conf(5) that Go's resolver follows, with its defaults.

    ``search`` holds absolute suffixes without the final dot. ``timeout`` (seconds per question
    and server) and ``attempts`` (passes over the list of servers) are None if the file does not
    set them.
    """

    servers: tuple[str, ...] = ("127.0.0.1",)
    search: tuple[str, ...] = ()
    ndots: int = 1
    timeout: float | None = None
    attempts: int | None = None
    rotate: bool = False
    use_tcp: bool = False
    single_request: bool = False

    def candidates(self, name: str) -> tuple[str, ...]:
        """Return the absolute names that stand for ``name``, in the order Go asks for them
        (``nameList`` in net/dnsclient_unix.go). A final dot makes a name absolute."""
        plain = name.removesuffix(".")
        if name.endswith(".") or not self.search:
            return (plain,)
        suffixed = (f"{plain}.{suffix}" for suffix in self.search)
        fitting = tuple([full for full in suffixed if len(full) <= _NAME_LIMIT])
        return (plain, *fitting) if plain.count(".") >= self.ndots else (*fitting, plain)


def parse_resolv_conf(text: str, hostname: str = "") -> ResolvConf:
    """Read resolv.conf(5) as Go does (``dnsReadConfig`` in net/dnsconfig_unix.go): at most
    three name servers, whose IPv6 addresses may have a zone; the last ``search`` or ``domain``
    line counts; unknown options are ignored. Without such a line the domain of ``hostname``
    is searched, if it has one."""
    found = _Found()
    for line in text.splitlines():
        if line[:1] not in {";", "#"} and (words := line.split()):
            found.read(words[0], words[1:])
    domain = hostname.partition(".")[2]
    return ResolvConf(
        servers=tuple(found.servers[:_SERVERS_LIMIT]) or ResolvConf().servers,
        search=tuple(found.search) or ((domain.rstrip("."),) if domain else ()),
        ndots=min(found.numbers.get("ndots", 1), _NDOTS_LIMIT),
        timeout=float(max(1, found.numbers["timeout"])) if "timeout" in found.numbers else None,
        attempts=max(1, found.numbers["attempts"]) if "attempts" in found.numbers else None,
        rotate="rotate" in found.flags,
        use_tcp=not found.flags.isdisjoint({"use-vc", "usevc", "tcp"}),
        single_request=not found.flags.isdisjoint({"single-request", "single-request-reopen"}),
    )


@dataclass(slots=True)
class _Found:
    """The lines of a resolv.conf read so far."""

    servers: list[str] = field(default_factory=list)
    search: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)

    def read(self, keyword: str, values: list[str]) -> None:
        if keyword == "nameserver" and values and is_address(values[0]):
            self.servers.append(values[0])
        elif keyword == "domain" and values:
            self.search = _suffixes(values[:1])
        elif keyword == "search":
            self.search = _suffixes(values)
        elif keyword == "options":
            for option in values:
                self._option(option)

    def _option(self, option: str) -> None:
        name, colon, value = option.partition(":")
        if not colon:
            self.flags.add(option)
        elif name in {"ndots", "timeout", "attempts"}:
            digits = _DIGITS.match(value)
            self.numbers[name] = min(int(digits[0]), _NUMBER_LIMIT) if digits else 0


def _suffixes(names: list[str]) -> list[str]:
    return [name.removesuffix(".").lower() for name in names if name != "."]


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

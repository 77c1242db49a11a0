"""Texts of resolv.conf, a name, and the rcode that every server answers."""

# ruff: noqa: E501
from __future__ import annotations

_TWO = "nameserver 10.0.0.1\nnameserver 10.0.0.2\n"
_ONE = "nameserver 10.0.0.1\n"

CASES: dict[str, tuple[str, str, str]] = {
    "plain": (_ONE, "a.test", "NXDOMAIN"),
    "two servers fail": (_TWO, "a.test", "SERVFAIL"),
    "two servers, no such name": (_TWO, "a.test", "NXDOMAIN"),
    "four servers": (_TWO + "nameserver 10.0.0.3\nnameserver 10.0.0.4\n", "a.test", "SERVFAIL"),
    "IPv6 with zone": ("nameserver fe80::1%eth0\nnameserver fd00:ec2::253\n", "a.test", "SERVFAIL"),
    "servers that are names": ("nameserver dns.test\nnameserver 10.0.0.300\n" + _ONE, "a.test", "SERVFAIL"),
    "tabs and spaces": ("  nameserver\t10.0.0.1  \nnameserver\t10.0.0.2 # two\n", "a.test", "SERVFAIL"),
    "comments": ("#nameserver 10.0.0.9\n;nameserver 10.0.0.9\n" + _ONE, "a.test", "NXDOMAIN"),
    "search, no dots": (_ONE + "search corp.test lab.test\n", "git", "NXDOMAIN"),
    "search, one dot": (_ONE + "search corp.test lab.test\n", "git.lab", "NXDOMAIN"),
    "search, final dot": (_ONE + "search corp.test\n", "git.", "NXDOMAIN"),
    "search twice": (_ONE + "search a.test\nsearch b.test\n", "git", "NXDOMAIN"),
    "domain after search": (_ONE + "search a.test\ndomain b.test\n", "git", "NXDOMAIN"),
    "search after domain": (_ONE + "domain a.test\nsearch b.test\n", "git", "NXDOMAIN"),
    "search of a dot": (_ONE + "search . a.test\n", "git", "NXDOMAIN"),
    "search with final dots": (_ONE + "search a.test. b.test.\n", "git", "NXDOMAIN"),
    "search fails": (_ONE + "search a.test\noptions attempts:1\n", "git", "SERVFAIL"),
    "a long suffix": (_ONE + f"search {'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.test b.test\n", "git" * 5, "NXDOMAIN"),
    "ndots 2": (_ONE + "search corp.test\noptions ndots:2\n", "git.lab", "NXDOMAIN"),
    "ndots 0": (_ONE + "search corp.test\noptions ndots:0\n", "git", "NXDOMAIN"),
    "ndots 99": (_ONE + "search corp.test\noptions ndots:99\n", ".".join("abcdefghijklmnop"), "NXDOMAIN"),
    "ndots junk": (_ONE + "search corp.test\noptions ndots:x\n", "git", "NXDOMAIN"),
    "ndots twice": (_ONE + "search corp.test\noptions ndots:1 ndots:3\n", "a.b", "NXDOMAIN"),
    "attempts 3": (_TWO + "options attempts:3\n", "a.test", "SERVFAIL"),
    "attempts 0": (_TWO + "options attempts:0\n", "a.test", "SERVFAIL"),
    "attempts junk": (_TWO + "options attempts:many\n", "a.test", "SERVFAIL"),
    "use-vc": (_ONE + "options use-vc\n", "a.test", "NXDOMAIN"),
    "tcp": (_ONE + "options tcp\n", "a.test", "NXDOMAIN"),
    "rotate": (_TWO + "options rotate\n", "a.test", "SERVFAIL"),
    "options over two lines": (_TWO + "options attempts:1\noptions use-vc\n", "a.test", "SERVFAIL"),
    "unknown lines": (_ONE + "sortlist 10.0.0.0\nfamily inet4\noptions inet6 edns0 trust-ad\n", "a.test", "NXDOMAIN"),
    "empty options": (_ONE + "options\nsearch\ndomain\nnameserver\n", "git", "NXDOMAIN"),
    "upper case keyword": (_ONE + "NAMESERVER 10.0.0.9\nSearch corp.test\n", "git", "NXDOMAIN"),
    "carriage returns": ("nameserver 10.0.0.1\r\nsearch corp.test\r\n", "git", "NXDOMAIN"),
    "no final newline": ("search corp.test\nnameserver 10.0.0.1", "git", "NXDOMAIN"),
}  # fmt: skip
"""By name: the text, the host to look up, and the rcode of each answer."""


def for_go() -> dict[str, list[str]]:
    """Return the cases."""
    return {name: list(case) for name, case in CASES.items()}

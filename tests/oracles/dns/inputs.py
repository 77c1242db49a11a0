"""Pairs of responses, to A and to AAAA, as a name server with one habit each sends them.

A response is written for the question name ``oracle.test``; its first two bytes are replaced by
the id of the question. None means that the server is silent.
"""

# ruff: noqa: E501
from __future__ import annotations

import struct
from collections.abc import Sequence

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset

NAME = "oracle.test"
Pair = tuple[bytes | None, bytes | None]


def reply(
    qtype: str,
    records: Sequence[str] = (),
    rcode: str = "NOERROR",
    *,
    flags: int = dns.flags.QR | dns.flags.RD | dns.flags.RA,
    soa: bool = False,
    edns: bool = False,
    name: str = NAME,
) -> bytes:
    """Return a response as bytes; records are like ``"NAME A 192.0.2.1"``."""
    message = dns.message.make_query(f"{name}.", qtype)
    message.flags = dns.flags.Flag(flags)
    message.set_rcode(dns.rcode.from_text(rcode))
    for record in records:
        owner, rtype, value = record.split(maxsplit=2)
        message.answer.append(dns.rrset.from_text(f"{owner}.", 60, "IN", rtype, value))
    if soa:
        text = "ns.test. mail.test. 1 2 3 4 5"
        message.authority.append(dns.rrset.from_text("test.", 60, "IN", "SOA", text))
    if edns:
        message.use_edns(0, payload=1232)
    return message.to_wire(max_size=65535)


A1, A2, B1 = f"{NAME} A 192.0.2.1", f"{NAME} A 192.0.2.2", f"{NAME} AAAA 2001:db8::1"
_NONE_A, _NONE_B = reply("A", soa=True), reply("AAAA", soa=True)
_PLAIN = dns.flags.QR | dns.flags.RD
_AUTHORITY = _PLAIN | dns.flags.AA
_GOOD = reply("A", [A1])
_LOOP = [f"{NAME} CNAME loop.test.", f"loop.test CNAME {NAME}."]
_ALIAS = [f"{NAME} CNAME cdn.test."]


def _counted(message: bytes, answers: int) -> bytes:
    """Return the message with another number of answers in its header."""
    return message[:6] + struct.pack("!H", answers) + message[8:]


def _pairs() -> dict[str, Pair]:
    return {
        "one address": (_GOOD, _NONE_B),
        "both families": (_GOOD, reply("AAAA", [B1])),
        "two addresses": (reply("A", [A1, A2]), _NONE_B),
        "no address": (_NONE_A, _NONE_B),
        "no address, no SOA": (reply("A"), reply("AAAA")),
        "NXDOMAIN": (reply("A", rcode="NXDOMAIN", soa=True), reply("AAAA", rcode="NXDOMAIN", soa=True)),
        "AAAA NXDOMAIN": (_GOOD, reply("AAAA", rcode="NXDOMAIN", soa=True)),
        "AAAA SERVFAIL": (_GOOD, reply("AAAA", rcode="SERVFAIL")),
        "AAAA REFUSED": (_GOOD, reply("AAAA", rcode="REFUSED")),
        "A SERVFAIL": (reply("A", rcode="SERVFAIL"), reply("AAAA", [B1])),
        "SERVFAIL": (reply("A", rcode="SERVFAIL"), reply("AAAA", rcode="SERVFAIL")),
        "REFUSED": (reply("A", rcode="REFUSED"), reply("AAAA", rcode="REFUSED")),
        "NOTIMP": (reply("A", rcode="NOTIMP"), reply("AAAA", rcode="NOTIMP")),
        "BADVERS": (reply("A", rcode="BADVERS", edns=True), reply("AAAA", rcode="BADVERS", edns=True)),
        "SERVFAIL with address": (reply("A", [A1], "SERVFAIL"), _NONE_B),
        "NXDOMAIN with address": (reply("A", [A1], "NXDOMAIN"), _NONE_B),
        "alias and address": (reply("A", [*_ALIAS, "cdn.test A 192.0.2.1"]), reply("AAAA", _ALIAS, soa=True)),
        "alias without address": (reply("A", _ALIAS), reply("AAAA", _ALIAS)),
        "alias that does not exist": (reply("A", _ALIAS, "NXDOMAIN"), reply("AAAA", _ALIAS, "NXDOMAIN")),
        "alias loop": (reply("A", _LOOP), reply("AAAA", _LOOP)),
        "alias of itself": (reply("A", [f"{NAME} CNAME {NAME}."]), _NONE_B),
        "address of another name": (reply("A", ["other.test A 192.0.2.9"]), _NONE_B),
        "address before alias": (reply("A", ["cdn.test A 192.0.2.1", *_ALIAS]), _NONE_B),
        "AAAA in the answer to A": (reply("A", [A1, B1]), _NONE_B),
        "only AAAA in the answer to A": (reply("A", [B1]), _NONE_B),
        "other types between": (reply("A", [f"{NAME} TXT words", A1, f"{NAME} TXT more"]), _NONE_B),
        "lame referral": (reply("A", flags=_PLAIN), reply("AAAA", flags=_PLAIN)),
        "lame with EDNS": (reply("A", flags=_PLAIN, edns=True), reply("AAAA", flags=_PLAIN, edns=True)),
        "authority without recursion": (reply("A", [A1], flags=_AUTHORITY), _NONE_B),
        "no recursion, address": (reply("A", [A1], flags=_PLAIN), reply("AAAA", flags=_PLAIN)),
        "authority, no address": (reply("A", flags=_AUTHORITY), reply("AAAA", flags=_AUTHORITY)),
        "other letters in the question": (reply("A", [A1], name="OrAcLe.TeSt"), _NONE_B),
        "another question": (reply("A", [A1], name="other.test"), _NONE_B),
        "another type": (reply("AAAA", [B1]), _NONE_B),
        "no question": (_GOOD[:4] + b"\0\0" + _GOOD[6:12] + _GOOD[29:], _NONE_B),
        "not a response": (_GOOD[:2] + b"\x01\x00" + _GOOD[4:], _NONE_B),
        "cut in the second record": (reply("A", [A1, A2])[:-3], _NONE_B),
        "cut in the first record": (_GOOD[:-3], _NONE_B),
        "more records announced": (_counted(_GOOD, 3), _NONE_B),
        "fewer records announced": (_counted(reply("A", [A1, A2]), 1), _NONE_B),
        "address of three bytes": (_GOOD[:-6] + b"\0\3" + _GOOD[-4:-1], _NONE_B),
        "junk behind": (_GOOD + b"junk", _NONE_B),
        "only a header": (_GOOD[:12], _NONE_B),
        "empty": (b"", _NONE_B),
        "AAAA silent": (_GOOD, None),
        "A silent": (None, reply("AAAA", [B1])),
        "silent": (None, None),
        "100 addresses": (reply("A", [f"{NAME} A 192.0.2.{n}" for n in range(60)]), _NONE_B),
        "mapped address": (_NONE_A, reply("AAAA", [f"{NAME} AAAA ::ffff:192.0.2.7"])),
        "same address twice": (_GOOD[:7] + b"\2" + _GOOD[8:] + _GOOD[29:], _NONE_B),
        "truncated, TCP refuses": (_GOOD[:2] + b"\x83\x80" + _GOOD[4:], _NONE_B),
    }  # fmt: skip


PAIRS = _pairs()


def for_go() -> dict[str, list[str | None]]:
    """Return the responses in hexadecimal."""
    return {
        name: [None if message is None else message.hex() for message in pair]
        for name, pair in PAIRS.items()
    }

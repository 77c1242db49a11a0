"""The DNS codec: against dnspython both ways, at its bounds, and on rubbish."""

from __future__ import annotations

import struct
from contextlib import suppress

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.net.dns.message import (
    RCODES,
    DnsFormatError,
    Message,
    QType,
    decode,
    decode_name,
    encode_name,
    encode_query,
    normal_name,
)

LABELS = st.text("abcXYZ019-_", min_size=1, max_size=63)
NAMES = st.lists(LABELS, min_size=1, max_size=6).map(".".join).filter(lambda n: len(n) <= 253)
V4 = st.ip_addresses(v=4).map(str)
V6 = st.ip_addresses(v=6).map(str)
RECORDS = st.one_of(
    st.tuples(NAMES, st.just("A"), V4),
    st.tuples(NAMES, st.just("AAAA"), V6),
    st.tuples(NAMES, st.just("CNAME"), NAMES.map("{}.".format)),
    st.tuples(NAMES, st.just("TXT"), st.just('"some text"')),
)
TTLS = st.integers(0, 2**31 - 1)

HEADER = struct.pack("!HHHHHH", 7, 0x8180, 0, 1, 0, 0)


@settings(deadline=None)
@given(st.integers(0, 65535), NAMES, st.sampled_from([QType.A, QType.AAAA]), st.booleans())
def test_questions_are_what_dnspython_reads(number: int, name: str, qtype: QType, edns: bool):
    query = dns.message.from_wire(encode_query(number, name, qtype, edns=edns))
    [question] = query.question
    assert query.id == number
    assert question.name == dns.name.from_text(name)
    assert (question.rdtype, question.rdclass) == (qtype, 1)
    assert query.flags == dns.flags.RD
    assert (query.edns, query.payload) == ((0, 1232) if edns else (-1, 0))


@settings(deadline=None)
@given(
    NAMES,
    st.lists(st.tuples(RECORDS, TTLS), max_size=12),
    st.sampled_from([0, 1, 2, 3, 4, 5, 9, 16, 23]),
    st.booleans(),
    st.booleans(),
)
def test_answers_are_what_dnspython_wrote(
    name: str,
    records: list[tuple[tuple[str, str, str], int]],
    rcode: int,
    truncated: bool,
    negative: bool,
):
    answer = dns.message.make_response(dns.message.make_query(name, "AAAA", use_edns=0))
    answer.set_rcode(dns.rcode.Rcode(rcode))
    answer.flags |= dns.flags.TC if truncated else 0
    for (owner, rtype, value), ttl in records:
        answer.answer.append(dns.rrset.from_text(f"{owner}.", ttl, "IN", rtype, value))
    if negative:
        soa = dns.rrset.from_text("example.", 60, "IN", "SOA", "ns. mail. 1 2 3 4 5")
        answer.authority.append(soa)
    message = decode(answer.to_wire(max_size=65535))
    assert (message.id, message.truncated) == (answer.id, truncated)
    assert message.rcode == RCODES.get(rcode, f"RCODE{rcode}")
    assert message.question == (name.lower(), QType.AAAA)
    assert message.negative is negative
    read = [(r.name, dns.rdatatype.to_text(r.rtype), r.ttl, r.value) for r in message.answers]
    assert read == [
        (owner.lower(), rtype, ttl, "" if rtype == "TXT" else canonical(rtype, value))
        for (owner, rtype, value), ttl in records
    ]


def canonical(rtype: str, value: str) -> str:
    if rtype == "AAAA":
        return dns.rdata.from_text("IN", "AAAA", value).address
    return value.rstrip(".").lower()


@settings(deadline=None)
@given(st.binary(max_size=600))
@example(HEADER)
@example(HEADER + b"\xc0")
def test_rubbish_raises_nothing_but_a_format_error(data: bytes):
    for message in (data, HEADER + data, HEADER[:4] + b"\0\1\0\1\0\1\0\1" + data):
        with suppress(DnsFormatError):
            assert isinstance(decode(message), Message)


@settings(deadline=None)
@given(st.data())
def test_a_damaged_answer_raises_nothing_but_a_format_error(data: st.DataObject):
    answer = dns.message.make_response(dns.message.make_query("www.example.com", "A"))
    for line in ("www.example.com. 60 IN CNAME a.example.com.", "a.example.com. 60 IN A 192.0.2.1"):
        name, ttl, rclass, rtype, value = line.split()
        answer.answer.append(dns.rrset.from_text(name, int(ttl), rclass, rtype, value))
    conn = bytearray(answer.to_wire())
    for _ in range(data.draw(st.integers(1, 4))):
        conn[data.draw(st.integers(0, len(conn) - 1))] = data.draw(st.integers(0, 255))
    with suppress(DnsFormatError):
        decode(bytes(conn[: data.draw(st.integers(0, len(conn)))]))


def test_every_cut_of_an_answer_is_noticed():
    answer = dns.message.make_response(dns.message.make_query("example.com", "A", use_edns=0))
    answer.answer.append(dns.rrset.from_text("example.com.", 60, "IN", "A", "192.0.2.1"))
    conn = answer.to_wire()
    assert len(decode(conn).answers) == 1
    behind_the_question = 12 + 13 + 4
    for length in range(len(conn)):
        if length < behind_the_question:
            with pytest.raises(DnsFormatError):
                decode(conn[:length])
        elif length < len(conn) - 11:  # the OPT record at the end may be cut
            assert decode(conn[:length]).damaged == "the message is cut short" or (
                "cut short" in decode(conn[:length]).damaged
            )


def test_a_truncated_answer_gives_the_records_that_are_whole():
    answer = dns.message.make_response(dns.message.make_query("example.com", "A"))
    answer.flags |= dns.flags.TC
    for rtype, value in (("A", "192.0.2.1"), ("AAAA", "2001:db8::1")):
        answer.answer.append(dns.rrset.from_text("example.com.", 60, "IN", rtype, value))
    assert [r.value for r in decode(answer.to_wire()[:-3]).answers] == ["192.0.2.1"]


@pytest.mark.parametrize(
    "name",
    [
        b"\xc0\x0c",  # to itself
        b"\x01a\xc0\x0c",  # to its own start
        b"\xc0\x20\x01a\0",  # forwards
        b"\xff\xff",  # far past the end
        b"\x40a\0",  # a label type of RFC 6891's past
        b"\x80a\0",
        b"\x3fa\0",  # a label cut short
        b"".join(b"\x3f" + b"a" * 63 for _ in range(4)) + b"\0",  # 257 bytes
    ],
)
def test_a_name_that_breaks_the_rules_is_none(name: bytes):
    record = struct.pack("!HHIH", QType.A, 1, 60, 4) + bytes(4)
    message = decode(HEADER + name + record)
    assert message.damaged
    assert message.answers == ()


@pytest.mark.parametrize("conn", [b"\xc0\x00", b"\xc0\x02\1a\0", b"\1a\xc0\x00"])
def test_a_pointer_goes_backwards_only(conn: bytes):
    with pytest.raises(DnsFormatError, match="pointer"):
        decode_name(conn, 0)


def test_the_longest_name_is_one():
    longest = ".".join(["a" * 63] * 3 + ["b" * 61])
    conn = encode_name(longest)
    assert len(conn) == 255
    assert decode_name(conn, 0) == (longest, 255)
    with pytest.raises(DnsFormatError):
        encode_name(longest + "b")
    with pytest.raises(DnsFormatError):
        decode_name(conn[:-63] + b"\x3e" + b"b" * 62 + b"\0", 0)


def test_a_message_of_pointers_takes_no_time():
    """Each of 512 records points to the end of the longest chain that fits before it."""
    links = b"".join(struct.pack("!H", 0xC000 | max(22 + 2 * i, 23)) for i in range(8000))
    first = struct.pack("!BHHIH", 0, 99, 1, 0, len(links) + 1) + b"\0" + links
    link = struct.pack("!H", 0xC000 | (len(HEADER) + len(first) - 2))
    record = link + struct.pack("!HHIH", 99, 1, 0, 0)
    bomb = struct.pack("!HHHHHH", 7, 0x8180, 0, 512, 0, 0) + first + record * 511
    assert "compression pointer" in decode(bomb).damaged


def test_counts_are_bounded():
    with pytest.raises(DnsFormatError, match="more than one question"):
        decode(struct.pack("!HHHHHH", 7, 0x8180, 2, 0, 0, 0) + bytes(4))
    with pytest.raises(DnsFormatError, match="cut short"):
        decode(struct.pack("!HHHHHH", 7, 0x8180, 1, 0, 0, 0) + bytes(4))
    record = b"\1a\0" + struct.pack("!HHIH", QType.A, 1, 60, 4) + bytes(4)
    many = decode(struct.pack("!HHHHHH", 7, 0x8180, 0, 600, 0, 0) + record * 600)
    assert (len(many.answers), many.damaged) == (512, "")


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_edns_options_can_be_read(options: bytes):
    opt = b"\0" + struct.pack("!HHIH", QType.OPT, 1232, 0, len(options)) + options
    message = decode(struct.pack("!HHHHHH", 7, 0x8180, 0, 0, 0, 1) + opt)
    assert len(message.extended) <= 4
    assert all(len(text) <= 256 for _, text in message.extended)


def test_a_question_is_no_answer():
    with pytest.raises(DnsFormatError, match="not a response"):
        decode(encode_query(1, "example.com", QType.A))


def test_another_class_is_not_looked_into():
    record = b"\1a\0" + struct.pack("!HHIH", QType.A, 3, 60, 4) + bytes(4)
    assert [r.value for r in decode(HEADER + record).answers] == [""]


@pytest.mark.parametrize(("rtype", "size"), [(QType.A, 5), (QType.AAAA, 4), (QType.CNAME, 3)])
def test_a_value_of_a_wrong_length_is_none(rtype: QType, size: int):
    record = b"\1a\0" + struct.pack("!HHIH", rtype, 1, 60, size) + bytes(size)
    message = decode(HEADER + record)
    assert message.damaged
    assert message.answers == ()


def test_a_ttl_with_the_top_bit_is_zero():
    """RFC 2181 section 8."""
    record = b"\1a\0" + struct.pack("!HHIH", QType.A, 1, 2**31, 4) + bytes(4)
    assert decode(HEADER + record).answers[0].ttl == 0


def test_a_name_is_safe_to_print_and_labels_stay_apart():
    conn = b"\x05a.B\n\xe9\x01c\0"
    assert decode_name(conn, 0) == ("a?b??.c", len(conn))


@pytest.mark.parametrize("name", ["", ".", "a..b", "a..", ".a", "a" * 64, "bücher.example"])
def test_what_is_no_name_is_not_asked_for(name: str):
    with pytest.raises(DnsFormatError):
        encode_query(1, name, QType.A)


def test_a_name_is_the_same_with_its_last_dot():
    assert encode_name("a.example.") == encode_name("a.example")
    assert normal_name("A.Example.") == "a.example"

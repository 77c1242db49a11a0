"""Chains for the oracle of certificate verification, and their recorded verdicts.

``python -m tests.oracles.x509.inputs`` makes ``chains.json`` anew: keys and signatures are random,
so the file is kept and Go judges the very bytes that the tests use.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from tests.oracles.x509 import build as b

HERE = Path(__file__).parent
HOST = "git.corp.test"

_PURPOSE = (
    "OpenSSL wants serverAuth in extendedKeyUsage, and a key usage of a TLS server; Python has no "
    "option for that"
)
_EXTRA = (
    "Go parses every certificate that the server sends; the monitor judges only the path that "
    "verifies (RFC 5280 section 6) and shows the others as extra certificates"
)
_ISSUER = (
    "OpenSSL takes the first issuer that fits by name and key identifier, and tries no other one "
    "if its key does not fit"
)
DIFFERENCES = {
    "twin-of-the-issuer-first": _ISSUER,
    "twin-of-the-root": _ISSUER,
    "other-key-identifier": _ISSUER,
    "usage-any": _PURPOSE,
    "usage-any-of-the-intermediate": _PURPOSE,
    "usage-any-of-the-root": _PURPOSE,
    "key-usage-of-a-ca": _PURPOSE,
    "leaf-is-a-ca": _PURPOSE,
    "negative-serial-of-an-extra": _EXTRA,
    "name-not-ascii-of-an-extra": _EXTRA,
}
"""Chains that the monitor judges differently from Go, each with the reason."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a server shows to a client that trusts ``roots`` (DER) and dials ``host``."""

    name: str
    host: str
    chain: tuple[bytes, ...]
    roots: tuple[bytes, ...]
    key: bytes


def chains() -> list[Shown]:
    """Return the recorded chains."""
    return [
        Shown(
            c["name"],
            c["host"],
            tuple(base64.b64decode(d) for d in c["chain"]),
            tuple(base64.b64decode(d) for d in c["roots"]),
            base64.b64decode(c["key"]),
        )
        for c in for_go()
    ]


def for_go() -> list[dict[str, Any]]:
    """Return the inputs as the Go program reads them."""
    found: list[dict[str, Any]] = json.loads((HERE / "chains.json").read_text())
    return found


def verdicts() -> dict[str, bool]:
    """Return whether Go accepts each chain, by name."""
    recorded = json.loads((HERE / "verdicts.json").read_text())["verdicts"]
    return {name: v["accepted"] for name, v in recorded.items()}


class _Maker:
    """Collects chains; ``root``, ``middle`` and ``leaf`` make what most of them consist of."""

    def __init__(self) -> None:
        self.shown: list[dict[str, Any]] = []
        self.root_ = self.root()
        self.middle_ = self.middle()

    def root(self, common_name: str = "Example Root", **changes: Any) -> b.Made:
        spec = {"subject": b.name(common_name), "extensions": b.CA_EXTENSIONS, **changes}
        return b.make(b.Spec(**spec))

    def middle(self, issuer: b.Made | None = None, **changes: Any) -> b.Made:
        spec = {"subject": b.name("Example Issuing CA"), "extensions": b.CA_EXTENSIONS, **changes}
        return b.make(b.Spec(issuer=issuer or self.root_, **spec))

    def leaf(self, issuer: b.Made | None = None, *names: Any, **changes: Any) -> b.Made:
        extensions = (b.san(*(names or (HOST,))), *changes.pop("more", ()))
        spec = {"subject": b.name("leaf"), "extensions": extensions, **changes}
        return b.make(b.Spec(issuer=issuer or self.middle_, **spec))

    def show(
        self,
        name: str,
        leaf: b.Made,
        *more: b.Made,
        roots: Sequence[b.Made] | None = None,
        host: str = HOST,
    ) -> None:
        chain = [leaf, *(more or (self.middle_,))]
        trusted = [self.root_] if roots is None else roots
        self.shown.append(
            {
                "name": name,
                "host": host,
                "chain": [base64.b64encode(c.raw).decode() for c in chain],
                "roots": [base64.b64encode(c.raw).decode() for c in trusted],
                "key": base64.b64encode(b.pkcs8(leaf.key)).decode(),
            }
        )


def _serials(m: _Maker) -> None:
    m.show("good", m.leaf())
    m.show("negative-serial", m.leaf(serial=-123456789))
    m.show("zero-serial", m.leaf(serial=0))
    m.show("long-serial", m.leaf(serial=1 << 190))
    middle = m.middle(serial=-5)
    m.show("negative-serial-of-the-intermediate", m.leaf(middle), middle)
    m.show("negative-serial-of-an-extra", m.leaf(), m.middle_, m.leaf(serial=-1))
    root = m.root("Negative Root", serial=-7)
    m.show("negative-serial-of-the-root", m.leaf(root), root, roots=[root])
    m.show("version-4", m.leaf(version=4))


def _names(m: _Maker) -> None:
    ip4, ip6 = bytes([192, 0, 2, 1]), bytes.fromhex("20010db8" + "0" * 23 + "1")
    bare = {"extensions": (b.key_usage(0x80),)}
    m.show("common-name-only", m.leaf(subject=b.name(HOST), **bare))
    m.show("no-name-at-all", m.leaf(**bare))
    m.show("other-name", m.leaf(None, "other.test"))
    m.show("common-name-beside-other-san", m.leaf(None, "other.test", subject=b.name(HOST)))
    m.show("wildcard", m.leaf(None, "*.corp.test"))
    m.show("wildcard-one-level-short", m.leaf(None, "*.corp.test"), host="git.eu.corp.test")
    m.show("wildcard-for-the-parent", m.leaf(None, "*.corp.test"), host="corp.test")
    m.show("wildcard-of-one-label", m.leaf(None, "*.test"), host="corp.test")
    m.show("wildcard-partial", m.leaf(None, "g*.corp.test"))
    m.show("wildcard-inside", m.leaf(None, "git.*.test"))
    m.show("wildcard-alone", m.leaf(None, "*"), host="test")
    m.show("name-in-capitals", m.leaf(None, "GIT.Corp.Test"))
    m.show("host-in-capitals", m.leaf(), host="GIT.corp.TEST")
    m.show("name-with-a-dot-at-its-end", m.leaf(None, HOST + "."))
    m.show("underscore", m.leaf(None, "my_git.corp.test"), host="my_git.corp.test")
    m.show("hyphen-first", m.leaf(None, "-git.corp.test"), host="-git.corp.test")
    m.show("wildcard-for-an-underscore", m.leaf(None, "*.corp.test"), host="my_git.corp.test")
    m.show("address", m.leaf(None, (0x87, ip4)), host="192.0.2.1")
    m.show("address-6", m.leaf(None, (0x87, ip6)), host="2001:db8::1")
    m.show("address-as-name", m.leaf(None, "192.0.2.1"), host="192.0.2.1")
    m.show("address-of-another", m.leaf(None, (0x87, ip4)), host="192.0.2.2")
    m.show("address-of-five-octets", m.leaf(None, HOST, (0x87, b"\1\2\3\4\5")))
    m.show("name-not-ascii", m.leaf(None, HOST, (0x82, b"\xff\xfe.test")))
    m.show("mail-not-ascii", m.leaf(None, HOST, (0x81, "ä@corp.test".encode())))
    m.show("name-not-ascii-of-an-extra", m.leaf(), m.middle_, m.leaf(None, (0x82, b"\xff\xfe")))
    other = (0xA0, b.oid("1.2.3") + b.der(0xA0, b.der(0x0C, b"x")))
    m.show("other-name-form", m.leaf(None, HOST, other))
    m.show("empty-subject", m.leaf(subject=b.der(0x30)))
    m.show("many-names", m.leaf(None, *(f"n{n}.test" for n in range(400)), HOST))


def _usages(m: _Maker) -> None:
    def with_usage(*kinds: str) -> b.Made:
        return m.leaf(more=(b.usages(*kinds),))

    m.show("usage-server", with_usage(b.SERVER))
    m.show("usage-server-and-client", with_usage(b.SERVER, b.CLIENT))
    m.show("usage-client", with_usage(b.CLIENT))
    m.show("usage-any", with_usage(b.ANY))
    m.show("usage-unknown", with_usage("1.2.3.4"))
    m.show("usage-server-gated-crypto", with_usage("2.16.840.1.113730.4.1"))
    m.show("usage-microsoft-gated-crypto", with_usage("1.3.6.1.4.1.311.10.3.3"))
    for kind, oid in (("client", b.CLIENT), ("server", b.SERVER), ("any", b.ANY)):
        middle = m.middle(extensions=(*b.CA_EXTENSIONS, b.usages(oid)))
        m.show(f"usage-{kind}-of-the-intermediate", m.leaf(middle), middle)
        root = m.root(f"Root {kind}", extensions=(*b.CA_EXTENSIONS, b.usages(oid)))
        m.show(f"usage-{kind}-of-the-root", m.leaf(root), root, roots=[root])
    m.show("key-usage-sign-only", m.leaf(more=(b.key_usage(0x80),)))
    m.show("key-usage-of-a-ca", m.leaf(more=(b.key_usage(0x04),)))
    m.show("leaf-is-a-ca", m.leaf(more=b.CA_EXTENSIONS))


def _authorities(m: _Maker) -> None:
    def below(name: str, **changes: Any) -> None:
        middle = m.middle(**changes)
        m.show(name, m.leaf(middle), middle)

    below("intermediate-version-1", version=1, extensions=())
    below("intermediate-without-constraints", extensions=(b.key_usage(0x06),))
    below("intermediate-without-extensions", extensions=())
    below("intermediate-not-a-ca", extensions=(b.basic(ca=False),))
    below("intermediate-may-not-sign", extensions=(b.basic(ca=True), b.key_usage(0x80)))
    below("intermediate-path-length-0", extensions=(b.basic(ca=True, path_length=0),))
    below("intermediate-lapsed", valid=b.LAPSED)
    below("intermediate-other-spelling", subject=b.name("Example Issuing CA", b.PRINTABLE))
    for name, changes in {
        "root-version-1": {"version": 1, "extensions": ()},
        "root-without-constraints": {"extensions": (b.key_usage(0x06),)},
        "root-without-extensions": {"extensions": ()},
        "root-not-a-ca": {"extensions": (b.basic(ca=False),)},
        "root-may-not-sign": {"extensions": (b.basic(ca=True), b.key_usage(0x80))},
        "root-lapsed": {"valid": b.LAPSED},
        "root-sha1": {"digest": "sha1"},
    }.items():
        root = m.root(name, **changes)
        m.show(name, m.leaf(root), root, roots=[root])
    root = m.root("Short", extensions=(b.basic(ca=True, path_length=0), b.key_usage(0x06)))
    middle = m.middle(root)
    m.show("path-too-long", m.leaf(middle), middle, roots=[root])
    self_issued = b.make(
        b.Spec(b.name("Short"), root, (b.basic(ca=True), b.key_usage(0x06)), key=b.ec_key())
    )
    m.show("path-too-long-self-issued", m.leaf(self_issued), self_issued, roots=[root])


def _spelling(m: _Maker) -> None:
    """Names that OpenSSL takes for the same, and that Go compares octet by octet."""
    middle = m.middle(subject=b.name("Example  issuing ca"))
    leaf = m.leaf(middle, issuer_name=b.name("Example Issuing CA"))
    m.show("issuer-in-other-case", leaf, middle)
    middle = m.middle(subject=b.name("Printable CA", b.PRINTABLE))
    m.show("issuer-in-other-encoding", m.leaf(middle, issuer_name=b.name("Printable CA")), middle)


def _validity(m: _Maker) -> None:
    m.show("lapsed", m.leaf(valid=b.LAPSED))
    m.show("not-yet-valid", m.leaf(valid=b.FUTURE))
    m.show("until-9999", m.leaf(valid=(b.VALID[0], "99991231235959Z")))
    m.show("from-year-0", m.leaf(valid=("00000101000000Z", b.VALID[1])))
    m.show("extra-year-0", m.leaf(), m.middle_, m.leaf(valid=(b.VALID[0], "00000101000000Z")))


def _paths(m: _Maker) -> None:
    leaf = m.leaf()
    m.show("intermediate-missing", leaf, leaf)
    m.show("wrong-intermediate", leaf, m.middle(m.root("Old Root"), subject=b.name("Old CA")))
    m.show("wrong-order", leaf, m.root_, m.middle_)
    m.show("sent-twice", leaf, leaf, m.middle_, m.middle_)
    m.show("root-not-trusted", leaf, roots=[m.root("Another Root")])
    lapsed = m.middle(valid=b.LAPSED, key=m.middle_.key)
    m.show("lapsed-twin-first", leaf, lapsed, m.middle_)
    m.show("intermediate-trusted", leaf, leaf, roots=[m.middle_])
    own = b.make(b.Spec(b.name(HOST), extensions=(b.san(HOST),)))
    m.show("self-signed-trusted", own, own, roots=[own])
    m.show("self-signed", own, own)
    m.show("leaf-trusted", leaf, leaf, roots=[leaf])
    other = m.root("Cross Root")
    cross = b.make(b.Spec(m.root_.subject, other, b.CA_EXTENSIONS, key=m.root_.key))
    m.show("cross-signed", leaf, m.middle_, cross)
    lapsed_cross = b.make(
        b.Spec(m.root_.subject, other, b.CA_EXTENSIONS, key=m.root_.key, valid=b.LAPSED)
    )
    m.show("cross-signed-lapsed", leaf, m.middle_, lapsed_cross)
    impostor = m.middle(m.root("Example Root"))
    m.show("impostor", m.leaf(impostor), impostor)


def _keys(m: _Maker) -> None:
    m.show("rsa-2048", m.leaf(key=rsa.generate_private_key(65537, 2048)))
    m.show("rsa-1024", m.leaf(key=rsa.generate_private_key(65537, 1024)))
    m.show("p-224", m.leaf(key=b.ec_key(ec.SECP224R1())))
    m.show("p-384", m.leaf(key=b.ec_key(ec.SECP384R1())))
    m.show("p-521", m.leaf(key=b.ec_key(ec.SECP521R1())))
    m.show("secp256k1", m.leaf(key=b.ec_key(ec.SECP256K1())))
    m.show("brainpool", m.leaf(key=b.ec_key(ec.BrainpoolP256R1())))
    m.show("ed25519", m.leaf(key=ed25519.Ed25519PrivateKey.generate()))
    m.show("ed448", m.leaf(key=ed448.Ed448PrivateKey.generate()))
    for name, key in {
        "ca-rsa-1024": rsa.generate_private_key(65537, 1024),
        "ca-rsa-2048": rsa.generate_private_key(65537, 2048),
        "ca-ed25519": ed25519.Ed25519PrivateKey.generate(),
        "ca-ed448": ed448.Ed448PrivateKey.generate(),
        "ca-secp256k1": b.ec_key(ec.SECP256K1()),
    }.items():
        middle = m.middle(key=key)
        m.show(name, m.leaf(middle), middle)
    m.show("sha1", m.leaf(digest="sha1"))
    middle = m.middle(digest="sha1")
    m.show("sha1-of-the-intermediate", m.leaf(middle), middle)
    middle = m.middle(key=rsa.generate_private_key(65537, 2048))
    m.show("rsa-sha1", m.leaf(middle, digest="sha1"), middle)
    m.show("rsa-pss", m.leaf(middle, pss=True), middle)
    algorithm = b.der(0x30, b.oid("1.2.840.10045.4.3.3"))
    m.show("algorithms-differ", m.leaf(outer_algorithm=algorithm))


def _extensions(m: _Maker) -> None:
    def more(name: str, *extensions: bytes) -> None:
        m.show(name, m.leaf(more=extensions))

    unknown = "1.2.3.4.5"
    more("unknown-extension", b.extension(unknown, b"\5\0"))
    more("unknown-critical-extension", b.extension(unknown, b"\5\0", critical=True))
    more("extension-twice", *[b.extension(unknown, b"\5\0")] * 2)
    identifier = b.der(0x30, b.der(0x80, b"x" * 20))
    more("critical-authority-key", b.extension("2.5.29.35", identifier, critical=True))
    more("critical-subject-key", b.extension("2.5.29.14", b.der(4, b"x" * 20), critical=True))
    access = b.der(0x30, b.der(0x30, b.oid("1.3.6.1.5.5.7.48.1"), b.der(0x86, b"http://ocsp.test")))
    more("critical-information-access", b.extension("1.3.6.1.5.5.7.1.1", access, critical=True))
    for name, subject in {
        "printable-with-at": b.name("a@b", b.PRINTABLE),
        "printable-with-underscore": b.name("a_b", b.PRINTABLE),
        "t61": b.name(b"caf\xe9", b.T61),
        "ia5-not-ascii": b.name(b"caf\xe9", b.IA5),
        "bmp": b.name("café".encode("utf-16-be"), b.BMP),
        "universal": b.name("cafe".encode("utf-32-be"), b.UNIVERSAL),
    }.items():
        m.show(f"subject-{name}", m.leaf(subject=subject))


def _constraints(m: _Maker) -> None:
    def under(name: str, extension: bytes, **leaf: Any) -> None:
        middle = m.middle(extensions=(*b.CA_EXTENSIONS, extension))
        m.show(name, m.leaf(middle, **leaf), middle)

    dns = b.der(0x82, b"corp.test")
    under("constraints-permit", b.constraints(permitted=dns))
    under("constraints-permit-others", b.constraints(permitted=b.der(0x82, b"other.test")))
    under("constraints-exclude", b.constraints(excluded=dns))
    under("constraints-exclude-others", b.constraints(excluded=b.der(0x82, b"other.test")))
    under("constraints-leading-dot", b.constraints(permitted=b.der(0x82, b".corp.test")))
    under("constraints-trailing-dot", b.constraints(permitted=b.der(0x82, b"corp.test.")))
    directory = b.der(0xA4, b.name("Corp"))
    under("constraints-directory", b.constraints(excluded=directory))
    under("constraints-directory-not-critical", b.constraints(excluded=directory, critical=False))
    under(
        "constraints-address",
        b.constraints(excluded=b.der(0x87, bytes([10, 0, 0, 0, 255, 0, 0, 0]))),
    )
    under("constraints-address-short", b.constraints(excluded=b.der(0x87, bytes([10, 0, 0, 0]))))
    under("constraints-empty", b.constraints())


def _named(*policies: str) -> bytes:
    return b.extension("2.5.29.32", b.der(0x30, *(b.der(0x30, b.oid(p)) for p in policies)))


def _required(explicit: int | None = None, mapping: int | None = None) -> bytes:
    limits = [(0x80, explicit), (0x81, mapping)]
    parts = (b.der(tag, bytes([value])) for tag, value in limits if value is not None)
    return b.extension("2.5.29.36", b.der(0x30, *parts), critical=True)


def _mapped(*pairs: tuple[str, str]) -> bytes:
    parts = (b.der(0x30, b.oid(issuer), b.oid(subject)) for issuer, subject in pairs)
    return b.extension("2.5.29.33", b.der(0x30, *parts))


def _policies(m: _Maker) -> None:
    one, two, any_policy = "2.23.140.1.2.1", "2.23.140.1.2.2", "2.5.29.32.0"

    def under(name: str, authority: Sequence[bytes], *leaf: bytes) -> None:
        middle = m.middle(extensions=(*b.CA_EXTENSIONS, *authority))
        m.show(name, m.leaf(middle, more=leaf), middle)

    under("policy-required-and-named", (_named(one), _required(0)), _named(one))
    under("policy-required-and-missing", (_named(one), _required(0)))
    under("policy-required-and-another-named", (_named(one), _required(0)), _named(two))
    under("policy-required-below-a-ca-without", (_required(0),), _named(one))
    under("policy-required-one-later", (_named(one), _required(1)))
    under("policy-any-of-the-ca", (_named(any_policy), _required(0)), _named(two))
    under("policy-any-of-the-leaf", (_named(one), _required(0)), _named(any_policy))
    inhibited = b.extension("2.5.29.54", b.integer(0), critical=True)
    under("policy-any-inhibited", (_named(one), _required(0), inhibited), _named(any_policy))
    mapped = (_named(one), _required(0), _mapped((one, two)))
    under("policy-mapped", mapped, _named(two))
    under("policy-mapped-away", mapped, _named(one))
    under("policy-mapping-inhibited-later", (*mapped[:1], _required(0, 0), mapped[2]), _named(two))
    under("policy-mapped-from-any", (_named(one), _mapped((any_policy, one))), _named(one))
    under("policy-required-by-the-leaf", (), _required(0))
    under("policy-named-twice", (), _named(one, one))
    for kind in ("2.5.29.32", "2.5.29.33", "2.5.29.36", "2.5.29.54", "1.3.6.1.5.5.7.1.1"):
        under(f"malformed-{kind}", (), b.extension(kind, b"\xff\xff"))


def _more_constraints(m: _Maker) -> None:
    def under(name: str, extension: bytes, *names: str) -> None:
        middle = m.middle(extensions=(*b.CA_EXTENSIONS, extension))
        m.show(name, m.leaf(middle, *names), middle)

    excluded = b.constraints(excluded=b.der(0x82, b"x.corp.test"))
    under("constraints-exclude-a-name-of-the-wildcard", excluded, "*.corp.test")
    under("constraints-exclude-a-name-beside", excluded, HOST)
    deeper = b.constraints(excluded=b.der(0x82, b"y.x.corp.test"))
    under("constraints-exclude-below-the-wildcard", deeper, "*.corp.test")
    permitted = b.constraints(permitted=b.der(0x82, b"corp.test"))
    under("constraints-permit-the-wildcard", permitted, "*.corp.test")
    under("constraints-and-a-name-with-a-space", permitted, HOST, "bad name.corp.test")
    root = m.root("Constrained Root", extensions=(*b.CA_EXTENSIONS, excluded))
    m.show("constraints-of-the-root", m.leaf(root, "*.corp.test"), root, roots=[root])
    basic = b.der(0x30, b.der(1, b"\xff"), b.integer(1 << 80))
    m.show("path-length-over-63-bits", m.leaf(more=(b.extension("2.5.29.19", basic),)))
    untrue = b.der(0x30, b.der(1, b"\1"))
    m.show("basic-constraints-of-ber", m.leaf(more=(b.extension("2.5.29.19", untrue),)))


def _twins(m: _Maker) -> None:
    """Issuers of one name without key identifiers: only a signature shows which one it was."""
    first, second = m.middle(), m.middle()
    m.show("twin-of-the-issuer-first", m.leaf(first), second, first)
    m.show("twin-of-the-issuer-last", m.leaf(first), first, second)
    roots = [m.root("Twin Root") for _ in range(2)]
    middle = m.middle(roots[0])
    m.show("twin-of-the-root", m.leaf(middle), middle, roots=list(reversed(roots)))
    identifier = b.extension("2.5.29.14", b.der(4, b"a" * 20))
    named = m.middle(extensions=(*b.CA_EXTENSIONS, identifier))
    wrong = b.extension("2.5.29.35", b.der(0x30, b.der(0x80, b"c" * 20)))
    m.show("other-key-identifier", m.leaf(named, more=(wrong,)), named)


def main() -> None:
    """Make the chains anew."""
    maker = _Maker()
    for part in (
        _serials,
        _names,
        _usages,
        _authorities,
        _spelling,
        _validity,
        _paths,
        _keys,
        _extensions,
        _constraints,
        _policies,
        _more_constraints,
        _twins,
    ):
        part(maker)
    (HERE / "chains.json").write_text(json.dumps(maker.shown, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Certificate policies, beside the recorded chains: what each extension holds."""

from __future__ import annotations

import pytest

from monitor.net.sockets import policies
from monitor.net.sockets.der import DerError
from monitor.net.sockets.policies import ANY, Policies, valid
from tests.oracles.x509.build import der, integer, oid

ONE, TWO = "2.23.140.1.2.1", "2.23.140.1.2.2"


def named(*wanted: str) -> bytes:
    return der(0x30, *(der(0x30, oid(policy)) for policy in wanted))


def test_each_extension_is_read():
    found = Policies()
    found.read(policies.POLICIES, named(ONE, ANY))
    found.read(policies.MAPPINGS, der(0x30, der(0x30, oid(ONE), oid(TWO))))
    found.read(policies.CONSTRAINTS, der(0x30, der(0x80, b"\0"), der(0x81, b"\3")))
    found.read(policies.INHIBIT_ANY, integer(2))
    assert found == Policies((ONE, ANY), ((ONE, TWO),), 0, 3, 2)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (policies.POLICIES, named(ONE, ONE)),
        (policies.POLICIES, b""),
        (policies.MAPPINGS, der(0x30, der(0x30, oid(ONE)))),
        (policies.CONSTRAINTS, der(0x30, der(0x80))),
        (policies.INHIBIT_ANY, der(2)),
    ],
)
def test_what_go_cannot_parse_is_refused(kind: str, value: bytes):
    with pytest.raises(DerError):
        Policies().read(kind, value)


def test_a_chain_without_policies_is_valid_unless_one_is_required():
    assert valid([], [])
    assert valid([Policies(), Policies()], [False, False])
    assert not valid([Policies(), Policies(require_explicit=0)], [False, False])
    assert valid([Policies((ONE,)), Policies((ONE,), require_explicit=0)], [False, False])


def test_a_certificate_issued_to_its_own_issuer_does_not_count():
    """RFC 5280 section 6.1.4 (h): only certificates that are not self-issued are counted."""
    chain = [Policies(), Policies(), Policies((ONE,), require_explicit=2)]
    assert valid(chain, [False, True, False])
    assert not valid(chain, [False, False, False])

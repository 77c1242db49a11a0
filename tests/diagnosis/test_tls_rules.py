"""Every TLS alert and every verification error of OpenSSL has its own words, and the right
certificate is named.

Covers: monitor/diagnosis/tls_alerts.py, monitor/diagnosis/verify_codes.py
"""

from __future__ import annotations

import dataclasses

import pytest

from monitor.diagnosis.causes import diagnose
from monitor.diagnosis.tls_alerts import ALERTS, alert
from monitor.diagnosis.verify_codes import CODES, verify_code
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Endpoint, Protocol
from monitor.model.probe_result import (
    Certificate,
    Connection,
    Failure,
    FailureKind,
    Family,
    Phase,
    ProbeResult,
    TlsFacts,
)
from monitor.model.target import Target
from monitor.net.sockets.tls_alerts import ALERT_NAMES

K = FailureKind
NOW = 1_800_000_000.0
YEAR = 365 * 86_400.0
LEAF = Certificate("CN=git.eu.corp.test", "CN=Issuing", (), 0.0, NOW + YEAR, "1", "leaf")
MIDDLE = Certificate("CN=Issuing", "CN=Root", (), 0.0, NOW + YEAR, "2", "middle")
ROOT = Certificate("CN=Root", "CN=Root", (), 0.0, NOW + YEAR, "3", "root", self_issued=True)


def diagnosis(kind: FailureKind, code: int, *chain: Certificate) -> Diagnosis:
    endpoint = Endpoint("git", "g", "git.eu.corp.test", 443, Protocol.HTTPS, "http")
    failure = Failure(Phase.TLS, kind, "it broke", code=str(code))
    tls = TlsFacts(None, None, None, False, "no", chain) if chain else None
    connection = Connection("192.0.2.9", 443, Family.IPV4, {}, failure, tls=tls)
    result = ProbeResult("git", NOW, 1.0, None, (connection,), failure)
    return diagnose(Target(endpoint, 30.0, 10.0), result)


def test_every_alert_with_a_name_has_its_own_sentence():
    assert ALERTS.keys() == ALERT_NAMES.keys()
    assert len({told.sentence for told in ALERTS.values()}) == len(ALERTS)
    assert all(ALERT_NAMES[number] == told.name for number, told in ALERTS.items())
    assert "number 200" in alert(200).sentence


def test_every_verification_error_of_openssl_has_its_own_sentence():
    assert set(range(1, 95)) <= CODES.keys()
    assert len({code.sentence for code in CODES.values()}) == len(CODES)
    assert "1234" in verify_code(1234).sentence


@pytest.mark.parametrize("number", sorted(ALERTS))
def test_an_alert_is_named_and_filled_in(number: int):
    told = diagnosis(K.TLS_ALERT, number)
    assert ALERT_NAMES[number] in told.detail
    assert "{" not in told.detail + told.remediation


@pytest.mark.parametrize("number", sorted(CODES))
def test_a_verification_error_is_explained_and_filled_in(number: int):
    for chain in ((), (LEAF,), (LEAF, MIDDLE), (LEAF, MIDDLE, ROOT)):
        told = diagnosis(K.TLS_VERIFY, number, *chain)
        assert told.cause is not None
        assert told.detail
        assert told.remediation
        assert "{" not in told.detail + told.remediation


def test_the_issuer_is_that_of_the_server_certificate_not_the_top_of_the_chain():
    told = diagnosis(K.TLS_VERIFY, 19, LEAF, MIDDLE, ROOT)
    assert told.evidence["issuer"] == "CN=Issuing"
    assert "CN=Root, a root that this host does not trust" in told.detail


def test_expired_names_the_certificate_that_has_expired():
    old = dataclasses.replace(LEAF, not_after=NOW - 86_400)
    told = diagnosis(K.TLS_VERIFY, 10, old, MIDDLE)
    assert told.cause is Cause.TLS_EXPIRED
    assert told.detail == "The certificate of git.eu.corp.test expired on 2027-01-14 08:00 UTC."
    old = dataclasses.replace(MIDDLE, not_after=NOW - 86_400)
    told = diagnosis(K.TLS_VERIFY, 10, LEAF, old)
    assert told.cause is Cause.TLS_CA_EXPIRED
    assert told.detail.startswith("The intermediate CA CN=Issuing, above the certificate of")
    told = diagnosis(K.TLS_VERIFY, 10, LEAF, MIDDLE)
    assert told.cause is Cause.TLS_CA_EXPIRED
    assert told.detail.startswith("A CA in this host's trust store, above CN=Root")
    assert "certificate of git.eu.corp.test expired" not in told.detail


def test_a_missing_intermediate_is_told_from_an_unknown_ca():
    fetched = dataclasses.replace(LEAF, names_issuer_url=True)
    other = dataclasses.replace(MIDDLE, subject="CN=Old Issuing")
    assert diagnosis(K.TLS_VERIFY, 20, fetched).cause is Cause.TLS_INCOMPLETE_CHAIN
    assert diagnosis(K.TLS_VERIFY, 20, LEAF, other).cause is Cause.TLS_INCOMPLETE_CHAIN
    assert diagnosis(K.TLS_VERIFY, 20, LEAF, MIDDLE).cause is Cause.TLS_UNTRUSTED
    alone = diagnosis(K.TLS_VERIFY, 20, LEAF)
    assert alone.cause is Cause.TLS_UNTRUSTED
    assert "the chain is incomplete, or the CA is a private one" in alone.detail


def test_inspection_explains_only_a_ca_that_is_not_trusted():
    inspected = dataclasses.replace(LEAF, issuer="CN=Example Corp TLS Inspection")
    assert diagnosis(K.TLS_VERIFY, 20, inspected).cause is Cause.TLS_INTERCEPTED
    assert diagnosis(K.TLS_VERIFY, 26, inspected).cause is Cause.TLS_CERTIFICATE_UNSUITABLE


@pytest.mark.parametrize(
    ("names", "cause", "words"),
    [
        (("*.corp.test",), Cause.TLS_NAME_NOT_COVERED, "wildcard stands for exactly one label"),
        (("other.corp.test",), Cause.TLS_NAME_NOT_COVERED, "other names of its own domain"),
        (("blocked.filter.test",), Cause.TLS_NAME_MISMATCH, "is for blocked.filter.test"),
        (("*.test",), Cause.TLS_NAME_MISMATCH, "is for *.test"),
    ],
)
def test_a_certificate_for_other_names_is_the_owners_or_a_strangers(
    names: tuple[str, ...], cause: Cause, words: str
):
    told = diagnosis(K.TLS_VERIFY, 62, dataclasses.replace(LEAF, names=names))
    assert told.cause is cause
    assert words in told.detail


def test_a_certificate_without_subject_alt_name_says_so():
    told = diagnosis(K.TLS_VERIFY, 62, dataclasses.replace(LEAF, has_names=False))
    assert told.cause is Cause.TLS_CERTIFICATE_UNSUITABLE
    assert "subjectAltName" in told.detail


@pytest.mark.parametrize("code", [2, 18, 19, 20, 21, 27])
def test_an_inspecting_ca_is_seen_by_every_error_of_an_untrusted_chain(code: int):
    inspected = dataclasses.replace(LEAF, issuer="CN=Zscaler Intermediate")
    assert diagnosis(K.TLS_VERIFY, code, inspected).cause is Cause.TLS_INTERCEPTED
    assert diagnosis(K.TLS_VERIFY, code, LEAF, MIDDLE).cause is not Cause.TLS_INTERCEPTED


def test_one_name_of_its_own_domain_suffices():
    names = ("other.test", "*.corp.test", "third.test")
    mixed = dataclasses.replace(LEAF, names=names)
    assert diagnosis(K.TLS_VERIFY, 62, mixed).cause is Cause.TLS_NAME_NOT_COVERED
    assert "exactly one label" in diagnosis(K.TLS_VERIFY, 62, mixed).detail
    near = dataclasses.replace(LEAF, names=("*.orp.test", "git.us.corp.test"))
    assert "exactly one label" not in diagnosis(K.TLS_VERIFY, 62, near).detail


def test_at_most_three_names_of_a_certificate_are_shown():
    def detail(count: int) -> str:
        names = tuple(f"n{n}.test" for n in range(count))
        return diagnosis(K.TLS_VERIFY, 62, dataclasses.replace(LEAF, names=names)).detail

    assert "n0.test, n1.test, n2.test and 2 more names" in detail(5)
    assert "more names" not in detail(3)
    assert "n0.test, n1.test, n2.test and 1 more names" in detail(4)


def test_a_certificate_is_valid_at_the_ends_of_its_time():
    last = dataclasses.replace(LEAF, not_after=NOW)
    assert diagnosis(K.TLS_VERIFY, 10, last, MIDDLE).cause is Cause.TLS_CA_EXPIRED
    assert "trust store" in diagnosis(K.TLS_VERIFY, 10, last, MIDDLE).detail
    over = dataclasses.replace(LEAF, not_after=NOW - 1)
    assert diagnosis(K.TLS_VERIFY, 10, over, MIDDLE).cause is Cause.TLS_EXPIRED
    first = dataclasses.replace(LEAF, not_before=NOW)
    assert "trust store" in diagnosis(K.TLS_VERIFY, 9, first, MIDDLE).detail
    early = dataclasses.replace(LEAF, not_before=NOW + 3600)
    told = diagnosis(K.TLS_VERIFY, 9, early, MIDDLE)
    assert told.cause is Cause.TLS_NOT_YET_VALID
    assert "2027-01-15 09:00 UTC" in told.detail


def test_without_a_certificate_the_number_decides_alone():
    assert diagnosis(K.TLS_VERIFY, 20).cause is verify_code(20).cause
    assert diagnosis(K.TLS_VERIFY, 62).cause is verify_code(62).cause
    assert diagnosis(K.TLS_VERIFY, 10).cause is Cause.TLS_EXPIRED
    assert diagnosis(K.TLS_VERIFY, 21, LEAF, MIDDLE).cause is Cause.TLS_UNTRUSTED


def test_what_the_server_sent_twice_is_no_other_certificate():
    assert diagnosis(K.TLS_VERIFY, 20, LEAF, LEAF).cause is Cause.TLS_UNTRUSTED
    own = dataclasses.replace(LEAF, self_issued=True, names_issuer_url=True)
    assert diagnosis(K.TLS_VERIFY, 20, own).cause is Cause.TLS_UNTRUSTED
    cased = dataclasses.replace(LEAF, issuer="CN=Issuing")
    assert diagnosis(K.TLS_VERIFY, 20, cased, ROOT, MIDDLE).cause is Cause.TLS_UNTRUSTED

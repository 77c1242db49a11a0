"""Trust: read anew when files change, kept when a new file is broken, public CAs told apart."""

from __future__ import annotations

import hashlib
import os
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from monitor.net.sockets.trust_store import PUBLIC_CAS, TrustError, TrustStore
from tests.internet.ca import Authority


@pytest.fixture
def authorities(tmp_path: Path) -> tuple[Authority, Authority]:
    return Authority(tmp_path, "First CA"), Authority(tmp_path, "Second CA")


def swapped(file: Path, content: bytes) -> None:
    """Replace a file as a whole, as a mounted secret or an init container does."""
    alternate = file.with_suffix(".new")
    alternate.write_bytes(content)
    alternate.replace(file)


def subjects(trust_store: TrustStore, *alpn: str) -> list[object]:
    certificates = trust_store.probe_context(alpn=alpn).get_ca_certs()
    return [dict(rdn[0] for rdn in c["subject"])["commonName"] for c in certificates]  # type: ignore[union-attr,misc]


def test_a_changed_ca_file_is_read_anew_for_every_context(
    tmp_path: Path, authorities: tuple[Authority, Authority]
):
    first, second = authorities
    file = tmp_path / "trusted.pem"
    swapped(file, first.file.read_bytes())
    trust_store = TrustStore(file, system_store=False)
    assert subjects(trust_store) == subjects(trust_store, "http/1.1") == ["First CA"]
    assert not trust_store.reload()
    swapped(file, second.file.read_bytes())
    assert trust_store.reload()
    assert subjects(trust_store) == subjects(trust_store, "http/1.1") == ["Second CA"]
    assert not trust_store.reload()


@pytest.mark.parametrize("content", [b"", b"no certificates here\n", None, "cut"])
def test_a_broken_file_keeps_the_old_trust_and_is_told_once(
    tmp_path: Path, authorities: tuple[Authority, Authority], content: bytes | str | None
):
    first, second = authorities
    file = tmp_path / "trusted.pem"
    swapped(file, first.file.read_bytes())
    trust_store = TrustStore(file, system_store=False)
    assert subjects(trust_store) == ["First CA"]
    if content is None:
        file.unlink()
    else:
        swapped(file, second.file.read_bytes()[:300] if content == "cut" else bytes(content))  # type: ignore[arg-type]
    with pytest.raises(TrustError, match=str(file)):
        trust_store.reload()
    assert not trust_store.reload()
    assert subjects(trust_store) == ["First CA"]
    swapped(file, second.file.read_bytes())
    assert trust_store.reload()
    assert subjects(trust_store) == ["Second CA"]


def test_the_systems_store_is_the_one_that_the_environment_names(
    tmp_path: Path,
    authorities: tuple[Authority, Authority],
    monkeypatch: pytest.MonkeyPatch,
):
    first, second = authorities
    file, folder = tmp_path / "bundle.pem", tmp_path / "hashed"
    folder.mkdir()
    swapped(file, first.file.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    trust_store = TrustStore()
    assert subjects(trust_store) == ["First CA"]
    swapped(file, second.file.read_bytes())
    assert trust_store.reload()
    assert subjects(trust_store) == ["Second CA"]
    (folder / "anything").touch()
    os.utime(folder, ns=(1, 1))
    assert trust_store.reload()
    swapped(file, b"")
    with pytest.raises(TrustError):
        trust_store.reload()
    assert subjects(trust_store) == ["Second CA"]


def digest(pem: str) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def test_a_ca_of_the_distribution_is_public_and_one_that_was_added_is_not(
    tmp_path: Path, authorities: tuple[Authority, Authority]
):
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "first.crt").write_bytes(b"# First\n" + authorities[0].file.read_bytes())
    (shipped / "note.txt").write_bytes(b"\xff-----BEGIN CERTIFICATE-----A-----END CERTIFICATE-----")
    trust_store = TrustStore(public_cas=[shipped, tmp_path / "missing"])
    pems = [a.certificate.public_bytes(Encoding.PEM).decode() for a in authorities]
    assert [trust_store.is_public(digest(pem)) for pem in pems] == [True, False]
    assert TrustStore(public_cas=[tmp_path / "missing"]).is_public(digest(pems[0])) is None


@pytest.mark.skipif(not PUBLIC_CAS[0].is_dir(), reason="no CAs of the distribution here")
def test_what_this_distribution_ships_is_public():
    file = next(PUBLIC_CAS[0].glob("*.crt"))
    assert TrustStore().is_public(digest(file.read_text()))


def test_clients_that_are_not_probes_check_the_host_name(authorities: tuple[Authority, Authority]):
    trust_store = TrustStore(authorities[0].file, system_store=False)
    context = trust_store.context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert trust_store.context() is context
    assert context is not trust_store.probe_context()


def test_a_store_without_any_ca_is_empty(
    tmp_path: Path, authorities: tuple[Authority, Authority], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    assert TrustStore().is_empty()
    assert not TrustStore(authorities[0].file).is_empty()
    folder = tmp_path / "certs"
    folder.mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    (folder / "README").write_text("no CA")
    assert TrustStore().is_empty()
    (folder / "0123abcd.0").write_bytes(authorities[0].file.read_bytes())
    assert not TrustStore().is_empty()
    assert TrustStore(system_store=False).is_empty()

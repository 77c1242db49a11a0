"""A certificate authority of the tests' own, and certificates with every usual fault."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """PEM files of a certificate chain and its key."""

    chain: Path
    key: Path
    certificate: x509.Certificate


class Authority:
    """Issues certificates under one self-signed root, written below ``folder``."""

    def __init__(
        self, folder: Path, name: str = "Egress Monitor Test CA", organization: str = ""
    ) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        owner = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)]
        common = x509.NameAttribute(NameOID.COMMON_NAME, name)
        self._name = x509.Name([*(owner if organization else []), common])
        now = dt.datetime.now(dt.UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + 365 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / f"{name.lower().replace(' ', '-')}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        *names: str,
        not_before: dt.timedelta = -DAY,
        not_after: dt.timedelta = 90 * DAY,
        self_signed: bool = False,
        send_root: bool = False,
    ) -> Issued:
        """Issue a certificate for DNS names or IP addresses, valid from and to now plus the
        given times."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if self_signed else self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + not_before)
            .not_valid_after(now + not_after)
            .add_extension(x509.SubjectAlternativeName(_alt_names(names)), critical=False)
            .sign(key if self_signed else self._key, hashes.SHA256())
        )
        stem = f"{names[0].replace('*', 'any')}-{certificate.serial_number:x}"[:80]
        chain = self._folder / f"{stem}.pem"
        key_file = self._folder / f"{stem}.key"
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        chain.write_bytes(pem + (self.file.read_bytes() if send_root else b""))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return Issued(chain, key_file, certificate)


def _alt_names(names: tuple[str, ...]) -> list[x509.GeneralName]:
    result: list[x509.GeneralName] = []
    for name in names:
        try:
            result.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            result.append(x509.DNSName(name))
    return result

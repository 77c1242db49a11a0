"""A real squid on loopback: what it allows and denies, a login, names from a file of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory

from tests.internet.ca import Issued
from tests.internet.process import accepts, program, running

_USER = "proxy"
LOGIN_HELPER = Path("/usr/lib/squid/basic_ncsa_auth")


def squid_command(
    folder: Path,
    port: int,
    *,
    hosts: Mapping[str, str] | None = None,
    users: Mapping[str, str] | None = None,
    denied: Sequence[str] = (),
    certificate: Issued | None = None,
) -> list[str]:
    """Write a configuration below ``folder`` and return the command that runs it.

    ``hosts`` are the addresses of names, ``users`` passwords by user (everybody may use it
    without), ``denied`` hosts that it refuses. With ``certificate`` it is spoken to by TLS.
    """
    names = folder / "hosts"
    names.write_text("".join(f"{to} {name}\n" for name, to in (hosts or {}).items()))
    rules = []
    if users is not None:
        passwords = folder / "passwords"
        passwords.write_text("".join(f"{u}:{_hashed(p)}\n" for u, p in users.items()))
        rules += [
            f"auth_param basic program {LOGIN_HELPER} {passwords}",
            "auth_param basic children 1 startup=1 idle=1",
            "auth_param basic realm tests",
            "acl known proxy_auth REQUIRED",
        ]
    if denied:
        rules += [f"acl denied dstdomain {' '.join(denied)}", "http_access deny denied"]
    rules.append("http_access allow known" if users is not None else "http_access allow all")
    listen = f"http_port 127.0.0.1:{port}"
    if certificate:
        key = folder / "key.pem"
        key.write_bytes(certificate.key.read_bytes() + certificate.chain.read_bytes())
        listen = f"https_port 127.0.0.1:{port} tls-cert={key}"
    config = folder / "squid.conf"
    config.write_text(
        _CONFIG.format(folder=folder, listen=listen, names=names, rules="\n".join(rules))
    )
    return [program("squid"), "-N", "-n", _service(port), "-f", str(config)]


def _service(port: int) -> str:
    """What squid calls its shared memory by: two of one name are in each other's way."""
    return f"test{port}"


_CONFIG = """{listen}
pid_filename {folder}/squid.pid
access_log none
cache_log {folder}/cache.log
cache deny all
coredump_dir {folder}
hosts_file {names}
dns_nameservers 127.0.0.1
icp_port 0
pinger_enable off
connect_timeout 2 seconds
shutdown_lifetime 0 seconds
visible_hostname proxy.test
workers 1
{rules}
http_access deny all
"""


def _hashed(password: str) -> str:
    """Hash a password as htpasswd does, for crypt(3)."""
    command = [program("openssl"), "passwd", "-apr1", "-stdin"]
    done = subprocess.run(command, input=password, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@contextmanager
def squid(
    port: int,
    *,
    hosts: Mapping[str, str] | None = None,
    users: Mapping[str, str] | None = None,
    denied: Sequence[str] = (),
    certificate: Issued | None = None,
) -> Iterator[Popen[bytes]]:
    """Run squid for the length of the block, in a folder of its own: started as root it runs
    as a user that can't get into root's. See ``squid_command``."""
    with TemporaryDirectory(prefix="squid-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        if os.geteuid() == 0:
            shutil.chown(folder, _USER)
        command = squid_command(
            folder, port, hosts=hosts, users=users, denied=denied, certificate=certificate
        )
        with running(command, folder / "squid.log", lambda: accepts(port)) as process:
            yield process
            process.kill()  # by itself it takes 2 s to end
            process.wait()
            for segment in Path("/dev/shm").glob(f"{_service(port)}-*"):
                segment.unlink()

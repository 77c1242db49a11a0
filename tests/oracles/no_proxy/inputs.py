"""NO_PROXY values and the hosts that each is asked for."""

# ruff: noqa: E501
from __future__ import annotations

HOSTS = (
    "example.com", "www.example.com", "notexample.com", "EXAMPLE.com", "example.com.",
    "www.example.com.", "localhost", "LOCALHOST", "localhost.", "foo.localhost", "127.0.0.1",
    "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "10.1.2.3", "[::ffff:10.1.2.3]", "169.254.169.254",
    "[fe80::1]", "[fe80::1%25eth0]", "[2001:db8::1]", "1", "0.0.0.1", "ec2.us-east-1.amazonaws.com",
    "ip-10-0-0-1.ec2.internal", "app.gitpod.io", "straße.test", "xn--strae-oqa.test",
)  # fmt: skip

VALUES = (
    "", "*", "example.com", ".example.com", "*.example.com", "example.com.", ".example.com.",
    "EXAMPLE.COM", "example.com:443", "example.com:8443", "example.com:80", "10.0.0.0/8",
    "10.1.2.3", "10.1.2.3:443", "10.1.2.3/32", "10.1.2.3/33", "10.0.0.0/255.0.0.0", "1", "127.0.0.1",
    "localhost", "LOCALHOST", ".localhost", "fe80::1", "[fe80::1]", "[fe80::1]:443", "fe80::1%eth0",
    "fe80::/10", "2001:db8::/32", "::ffff:10.0.0.0/104", "::ffff:10.1.2.3", " example.com , 10.0.0.0/8",
    "example.com,*", "a,b,,c", "*example.com", "*.", ".", ",", ".internal,169.254.0.0/16,app.gitpod.io,.amazonaws.com",
    "straße.test", "xn--strae-oqa.test", "com", ".com", "example.com:", ":443", "[::1]", "0.0.0.0/0", "::/0",
)  # fmt: skip


def for_go() -> list[dict[str, object]]:
    """Return each value with its hosts."""
    return [{"no_proxy": value, "hosts": list(HOSTS)} for value in VALUES]

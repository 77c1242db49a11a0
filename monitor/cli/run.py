"""``egress-monitor run``: probes on a schedule until it is stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from monitor.cli.options import Options


def main(options: Options) -> int:
    """Run the daemon and return its exit status."""
    with _left_out("rich"):
        from monitor.daemon import process  # noqa: PLC0415 - structlog takes rich along: 4 MiB unused
    return process.run(options.config, options.environ)


@contextmanager
def _left_out(package: str) -> Iterator[None]:
    """Have imports of ``package`` fail for the length of the block, as if it were missing."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]

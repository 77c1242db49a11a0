"""``egress-monitor run``: probe on a schedule until told to stop."""

from __future__ import annotations

from monitor import daemon
from monitor.commands import Options


def main(options: Options) -> int:
    """Run the daemon and return its exit status."""
    return daemon.run(options.config, options.environ)

"""``egress-monitor demo``: the monitor at work in a small internet on this machine."""

from __future__ import annotations

import asyncio
import sys

from monitor.cli.extras import require
from monitor.cli.options import Options
from monitor.model.settings import WebSettings


def main(options: Options) -> int:
    """Break and repair things until stopped, and return 0.

    Raises:
        ConfigError: if the port is taken, or the extra ``demo`` is not installed.
    """
    for package in ("rich", "trustme"):
        require(package, "demo", "demo")
    from monitor.demo.show import demonstrate  # noqa: PLC0415 - needs the extra
    from monitor.present.terminal import console_for  # noqa: PLC0415

    port = options.port or WebSettings().port
    try:
        asyncio.run(demonstrate(console_for(sys.stdout), port, options.every))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print()
    return 0

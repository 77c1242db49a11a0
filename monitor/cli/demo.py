"""``egress-monitor demo``: what the monitor does, shown on a small internet on this machine."""

from __future__ import annotations

import asyncio
import sys

from monitor.cli.options import Options
from monitor.demo.show import demonstrate
from monitor.model.settings import WebSettings
from monitor.present.terminal import console_for


def main(options: Options) -> int:
    """Break and mend things until told to stop, and return 0.

    Raises:
        ConfigError: if the port is taken.
    """
    port = options.port or WebSettings().port
    try:
        asyncio.run(demonstrate(console_for(sys.stdout), port, options.every))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print()
    return 0

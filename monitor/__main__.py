"""Makes ``python -m monitor`` the same as the command ``egress-monitor``."""

from __future__ import annotations

import sys

from monitor.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

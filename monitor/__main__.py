"""Entry point of ``egress-monitor`` and ``python -m monitor``.

Only what has to come before the slow imports is here: signal handlers of the daemon, and the
health check, which imports nothing of the product.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Raises:
        SystemExit: for ``--help``, ``--version`` and invalid arguments.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = arguments[0] if arguments else ""
    if command == "healthcheck":
        from monitor.cli import healthcheck  # noqa: PLC0415 - the only import of this command

        status = healthcheck.run(arguments[1:], os.environ)
        if status is not None:
            return status
    if command == "run":
        from monitor.daemon import signals  # noqa: PLC0415 - for this command only

        signals.open_standard_streams()
        signals.install_early()
    from monitor.cli.main import main as command_line  # noqa: PLC0415 - slow: comes last

    return command_line(arguments)


if __name__ == "__main__":
    sys.exit(main())

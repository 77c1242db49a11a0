"""What the daemon takes into memory."""

import subprocess
import sys

SCRIPT = """
import sys
from pathlib import Path
from monitor.cli import run
from monitor.cli.options import Options
from monitor.model import settings
try:
    run.main(Options(Path("/nowhere/config.toml"), {}))
except settings.ConfigError:
    pass
import rich
heavy = {"botocore", "pygments", "aiomqtt", "cramjam", "tenacity"}
print(sorted(heavy.intersection(m.partition(".")[0] for m in sys.modules)))
"""


def test_the_daemon_leaves_out_what_it_does_not_use() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"

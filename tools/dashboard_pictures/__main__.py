"""Records monitors with faults and draws the dashboards from that: ``make dashboard-pictures``."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.internet.prometheus import prometheus
from tools.dashboard_pictures.record import record

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def main() -> None:
    """Record unless a recording is given, then draw."""
    parser = argparse.ArgumentParser(prog="tools.dashboard_pictures", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15, help="length of the recording")
    parser.add_argument("--recording", type=Path, help="where it is kept, or is from last time")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--panels", action="store_true", help="draw each panel by itself, too")
    options = parser.parse_args()
    if options.recording:
        _make(options.recording.absolute(), options)
    else:
        with tempfile.TemporaryDirectory(prefix="dashboard-pictures-") as folder:
            _make(Path(folder) / "recording", options)


def _make(recording: Path, options: argparse.Namespace) -> None:
    if not (recording / "range.json").exists():
        shutil.rmtree(recording, ignore_errors=True)
        record(recording, options.minutes)
    span = (recording / "range.json").read_text()
    with prometheus(recording, {}) as server:
        command = ["node", "draw.mjs", server.url, span, str(options.out.absolute())]
        command += ["--panels"] if options.panels else []
        subprocess.run(command, cwd=HERE, check=True)


if __name__ == "__main__":
    main()

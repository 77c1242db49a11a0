"""Exit status of a start that fails: only an invalid configuration is final.

Covers: monitor/daemon/app.py
"""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.daemon import process


def test_a_file_that_vanishes_while_it_is_read_is_worth_another_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def vanish(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "/run/secrets/ca.pem")

    monkeypatch.setattr(process, "load_settings", vanish)
    assert process.run(tmp_path / "config.toml", {}) == 1
    assert "/run/secrets/ca.pem" in capsys.readouterr().err

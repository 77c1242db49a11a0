"""The commented example of a configuration: config.toml of the project, part of each package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def example_text() -> str:
    """Return the example's text. In a checkout it is the file at the top of the project."""
    packaged = files("monitor.config") / "example.toml"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "config.toml").read_text(encoding="utf-8")

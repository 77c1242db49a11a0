"""Writes every dashboard as the JSON that Grafana provisions: ``make dashboards``."""

from __future__ import annotations

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import fleet, one_monitor, one_target

FOLDER = Path(__file__).parents[1] / "deploy" / "grafana" / "dashboards"


def written() -> dict[str, str]:
    """Return the text of each dashboard by its file's name."""
    made = {"fleet": fleet, "monitor": one_monitor, "target": one_target}
    encoder = JSONEncoder(sort_keys=True, indent=2)
    return {
        f"{name}.json": encoder.encode(module.dashboard().build()) + "\n"
        for name, module in made.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in written().items():
        (FOLDER / name).write_text(text, encoding="utf-8")

"""Places where a configuration is searched. Apart from its reader, which is slow to import."""

from __future__ import annotations

from pathlib import Path

PATH_VARIABLE = "EGRESS_MONITOR_CONFIG"
TEXT_VARIABLE = "EGRESS_MONITOR_CONFIG_TOML"
PLACES = (Path("config.toml"), Path("/etc/egress-monitor/config.toml"))

"""The endpoints that a runner must reach, as data, and their resolution into targets."""

from __future__ import annotations

from monitor.catalog.loader import CatalogError, load_catalog, load_chains
from monitor.catalog.names import check_names, check_schedules, suggestion
from monitor.catalog.targets import build_targets

__all__ = [
    "CatalogError",
    "build_targets",
    "check_names",
    "check_schedules",
    "load_catalog",
    "load_chains",
    "suggestion",
]

"""Identifiers of built-in target groups."""

from __future__ import annotations

RESOLVER_GROUP = "resolver"

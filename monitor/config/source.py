"""Source of the configuration: a file, a variable that holds its text, or nowhere."""

from __future__ import annotations

import codecs
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from monitor.common.config_places import PATH_VARIABLE, PLACES, TEXT_VARIABLE
from monitor.config.keys import nested_keys, top_level_keys
from monitor.model.settings import ConfigError, Problem

DEFAULTS = "(defaults)"
"""The name of the source when there is neither a file nor a variable."""

SIZE_LIMIT = 4 * 1024 * 1024
"""Bytes of a configuration; the catalogue's largest use is some 100 KiB."""

_OTHER_TOOLS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "Telegraf": frozenset({"agent", "inputs", "outputs", "global_tags", "processors"}),
        "GitLab Runner": frozenset({"concurrent", "check_interval", "runners", "session_server"}),
        "containerd": frozenset({"version", "plugins", "grpc", "proxy_plugins", "imports"}),
        "Hugo": frozenset({"baseURL", "languageCode", "title", "theme", "params", "markup"}),
        "Zola": frozenset({"base_url", "title", "theme", "build_search_index", "markdown"}),
        "Cargo": frozenset({"build", "target", "net", "source", "alias", "profile"}),
        "Vector": frozenset({"sources", "sinks", "transforms", "data_dir"}),
        "CometBFT": frozenset({"proxy_app", "moniker", "p2p", "rpc", "consensus"}),
        "InfluxDB": frozenset({"meta", "data", "http", "reporting-disabled"}),
        "Streamlit": frozenset({"server", "browser", "theme", "client", "runner"}),
        "Poetry": frozenset({"virtualenvs", "repositories", "cache-dir", "installer"}),
        "Helix": frozenset({"theme", "editor", "keys"}),
        "Codex": frozenset({"model", "model_provider", "mcp_servers", "approval_policy"}),
    }
)
"""Programs with a config.toml of their own, and keys at the top of it."""


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """``name`` stands in messages. ``text`` is the configuration itself if it came in a
    variable; with neither ``path`` nor ``text`` the defaults apply. ``passed_over`` describes a
    file of another program that lies where ours is looked for; "" without one."""

    name: str
    path: Path | None = None
    text: str | None = field(default=None, repr=False)
    passed_over: str = ""

    def read(self) -> Mapping[str, object]:
        """Return the parsed document.

        Raises:
            ConfigError: if it cannot be read or is not TOML.
        """
        if self.path is not None:
            return _parse(_read(self.path), self.name)
        return _parse(self.text or "", self.name)


def find_source(given: str | None, environ: Mapping[str, str]) -> ConfigSource:
    """Return the configuration's source: the path of ``--config``, else a variable, else the
    first file of ``PLACES`` that is ours, else the defaults.

    Raises:
        ConfigError: if both variables are set.
    """
    path, text = environ.get(PATH_VARIABLE), environ.get(TEXT_VARIABLE)
    if given:
        return ConfigSource(given, Path(given))
    if path and text:
        what = f"both {PATH_VARIABLE} and {TEXT_VARIABLE} are set"
        raise _error("environment", TEXT_VARIABLE, what, "unset one of them")
    if path:
        return ConfigSource(path, Path(path))
    if text:
        return ConfigSource(TEXT_VARIABLE, text=text)
    passed_over = ""
    for place in PLACES:
        if not place.is_file():
            continue
        description = _foreign_file(place)
        if not description:
            return ConfigSource(str(place), place, passed_over=passed_over)
        passed_over = passed_over or f"{place}: {description}"
    return ConfigSource(DEFAULTS, passed_over=passed_over)


def foreign(document: Mapping[str, object]) -> str:
    """Describe a document that belongs to another program; "" if it may be ours."""
    known, keys = top_level_keys(), set(document)
    if not keys or keys & known:
        return ""
    hits = {tool: len(keys & names) for tool, names in _OTHER_TOOLS.items()}
    tool = max(hits, key=lambda name: hits[name])
    misplaced = bool(keys & nested_keys())
    misspelled = any(get_close_matches(key, known, n=1, cutoff=0.75) for key in keys)
    if (misplaced or misspelled) and hits[tool] < 2:
        return ""
    shown = ", ".join(sorted(keys)[:3])
    if hits[tool]:
        return f"it is a configuration of {tool} (keys: {shown})"
    return f"it is not a configuration of Egress Monitor (keys: {shown})"


def _foreign_file(path: Path) -> str:
    """Describe a file of another program; "" if it may be ours, also if it cannot be read:
    reading it for good then reports that."""
    try:
        return foreign(_parse(_read(path), str(path)))
    except ConfigError:
        return ""


def _read(path: Path) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark (TOML 1.1 lets a
    parser skip it)."""
    file, remediation = str(path), "name a configuration with --config"
    try:
        with path.open("rb") as opened:
            data = opened.read(SIZE_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "it cannot be read").lower()
        raise _error(file, "(file)", reason, remediation) from None
    if len(data) > SIZE_LIMIT:
        what = f"it is larger than {SIZE_LIMIT // 1024 // 1024} MiB"
        raise _error(file, "(file)", what, remediation)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _error(file, "(file)", "it is UTF-16, not UTF-8", "save it as UTF-8")
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        what = f"byte {error.start} is not UTF-8"
        raise _error(file, "(file)", what, "save it as UTF-8") from None


def _parse(text: str, name: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _error(name, "(syntax)", str(error), "fix the TOML syntax there") from None
    except RecursionError:
        what = "arrays or tables are nested too deeply"
        raise _error(name, "(syntax)", what, "write at most 10 levels") from None


def _error(file: str, key: str, what: str, remediation: str) -> ConfigError:
    return ConfigError((Problem(file, key, what, remediation),))

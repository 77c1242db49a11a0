"""``egress-monitor init``: writes a configuration file from arguments or prompts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from monitor.cli.options import InitOptions, Options, Overrides
from monitor.config import load_settings
from monitor.config.source import ConfigSource
from monitor.model.settings import ConfigError, Problem

Ask = Callable[[str, str], str]
"""A question and its default; returns the answer."""


def main(options: Options) -> int:
    """Write the file, check it, and return 0.

    Raises:
        ConfigError: if the file exists, cannot be written, or an answer is invalid.
    """
    wanted, overrides = options.init, options.overrides
    assert wanted is not None
    if wanted.output.exists() and not wanted.force:
        raise _wrong(str(wanted.output), "exists already", "choose another --output, or --force")
    if wanted == InitOptions(wanted.output, wanted.force) and overrides == Overrides():
        wanted, overrides = _asked(wanted, _prompt if sys.stdin.isatty() else _default)
    text = configuration(wanted, overrides)
    load_settings(ConfigSource("answers", text=text), {})
    try:
        wanted.output.parent.mkdir(parents=True, exist_ok=True)
        wanted.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _wrong(str(wanted.output), error.strerror or "", "choose another --output") from None
    print(f"{wanted.output} is written. Next: egress-monitor check --config {wanted.output}")
    return 0


def configuration(wanted: InitOptions, overrides: Overrides) -> str:
    """Return the text of a configuration file with the given values and hints for the others."""
    profile = overrides.profile or "standard"
    lines = [
        "# Egress Monitor. Every key is described in docs/configuration.md.",
        "",
        f"profile = {json.dumps(profile)}",
        _line("region", overrides.region, "# from AWS_REGION or instance metadata"),
        _line("account_id", overrides.account_id, "# from instance metadata"),
        "",
        "# Your own source control and identity provider.",
        f"scm = {json.dumps(list(wanted.scm))}",
        f"sso = {json.dumps(list(wanted.sso))}",
        "",
        "[state]",
        "# With a directory, history, queues and discovered names survive a restart.",
        _line("directory", wanted.state, '# directory = "/var/lib/egress-monitor"'),
    ]
    return "\n".join(lines) + "\n"


def _line(key: str, value: str, otherwise: str) -> str:
    if value:
        return f"{key} = {json.dumps(value)}"
    return otherwise if otherwise.startswith(f"# {key}") else f'# {key} = ""  {otherwise}'


def _asked(wanted: InitOptions, ask: Ask) -> tuple[InitOptions, Overrides]:
    profile = ask("Profile of the runner, standard or enterprise", "standard")
    region = ask("AWS region, empty to take it from the environment", "")
    scm = ask("URLs of your source control, separated by spaces", "")
    sso = ask("URLs of your identity provider, separated by spaces", "")
    state = ask("Directory for state, empty for none", "")
    if profile not in {"standard", "enterprise"}:
        raise _wrong("profile", f"{profile!r} is not a profile", "write standard or enterprise")
    answers = InitOptions(
        Path(wanted.output), wanted.force, tuple(scm.split()), tuple(sso.split()), state
    )
    return answers, Overrides(region=region, profile=profile)


def _prompt(question: str, default: str) -> str:
    shown = f" [{default}]" if default else ""
    try:
        return input(f"{question}{shown}: ").strip() or default
    except EOFError:
        return default


def _default(_: str, default: str) -> str:
    return default


def _wrong(key: str, what: str, remediation: str) -> ConfigError:
    return ConfigError((Problem("arguments", key, what, remediation),))

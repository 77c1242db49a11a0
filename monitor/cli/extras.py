"""Packages of extras: what works without them, and what needs them."""

from __future__ import annotations

from importlib.util import find_spec

from monitor.model.settings import ConfigError, Problem


def has(package: str) -> bool:
    """Return whether a package of an extra is installed."""
    return find_spec(package) is not None


def require(package: str, extra: str, command: str) -> None:
    """Check that a package is installed that a command cannot do without.

    Raises:
        ConfigError: if it is not.
    """
    if not has(package):
        what = f"the package {package} is not installed"
        remediation = f'install the extra: pip install "egress-monitor[{extra}]"'
        raise ConfigError((Problem("installation", command, what, remediation),))

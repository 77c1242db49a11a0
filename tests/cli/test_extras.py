"""A command that needs an extra says how to install it."""

from __future__ import annotations

import pytest

from monitor.cli.extras import has, require
from monitor.model.settings import ConfigError


def test_what_is_installed_is_found() -> None:
    assert has("structlog")
    require("structlog", "cli", "check")


def test_a_missing_package_is_one_problem_with_its_remediation() -> None:
    assert not has("no_such_package")
    with pytest.raises(ConfigError) as caught:
        require("no_such_package", "demo", "demo")
    (problem,) = caught.value.problems
    assert 'pip install "egress-monitor[demo]"' in str(problem)
    assert "no_such_package" in str(problem)

"""What holds for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine fails no property
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Commands configure logging for their own process: undo that after each test."""
    yield
    structlog.reset_defaults()

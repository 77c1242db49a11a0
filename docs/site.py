"""Hooks of MkDocs (``mkdocs.yml``): links from a document to a file outside docs/."""

from __future__ import annotations

import re

from mkdocs.config.defaults import MkDocsConfig

_OUTSIDE = re.compile(r"\]\(\.\./([^)\s]+)\)")


def on_page_markdown(markdown: str, *, config: MkDocsConfig, **_: object) -> str:
    """Let links to the project's other files lead to its repository: the site lacks them."""
    return _OUTSIDE.sub(rf"]({config.repo_url}/blob/main/\1)", markdown)

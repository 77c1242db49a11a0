"""The groups of a runner's requirements, in order, with their purpose."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "management_plane": "Ona management plane: starts and stops runners and environments",
        "gateway": "Ona gateway: users' traffic to environments",
        "gateway_lighthouse": "Ona gateway: Nebula lighthouse, finds the way to environments",
        "vscode": "VS Code server and extensions in environments",
        "jetbrains": "JetBrains IDEs in environments",
        "release_artifacts": "Ona releases: runner, supervisor, CLI, editor agents",
        "container_registries": "container images and their layers",
        "scm": "source control of your users",
        "sso": "sign-in of your users",
        "metrics": "receiver of the runner's metrics",
        "extra_registries": "container images and their layers",
        "instance_metadata": "region, account and role of the instance",
        "aws_api": "AWS API that the runner calls",
        "ami_access": "AMIs that the runner and its environments are launched from",
        "redirects": "hosts that the ones above redirect to",
    }
)
"""The purpose of each group, for the owner of a firewall."""

_RANKS = {name: rank for rank, name in enumerate(GROUPS)}


def rank(group: str) -> tuple[int, str]:
    """Return the sort key of a group: the order of the requirements, then the user's own groups."""
    return _RANKS.get(group, len(_RANKS)), group

"""The groups that a runner's requirements come in, in their order, and what each is for."""

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
"""What each group is for, to tell somebody who has to open a firewall for it."""

_RANKS = {name: rank for rank, name in enumerate(GROUPS)}


def rank(group: str) -> tuple[int, str]:
    """Return what to sort groups by: the requirements' order, then those of the user's own."""
    return _RANKS.get(group, len(_RANKS)), group

"""The place where this monitor runs."""

from __future__ import annotations

from dataclasses import dataclass

FARGATE = "fargate"
"""The launch type of a task without an instance in the user's account."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The location of this monitor as far as it is known ("": not known). ``launch_type`` is that
    of its ECS task: ``FARGATE`` or "ec2"."""

    region: str = ""
    availability_zone: str = ""
    account_id: str = ""
    vpc_id: str = ""
    subnet_id: str = ""
    instance_id: str = ""
    runner_id: str = ""
    launch_type: str = ""

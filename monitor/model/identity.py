"""The place where this monitor runs."""

from __future__ import annotations

from dataclasses import dataclass

FARGATE = "fargate"
"""The launch type of a task that has no instance of the user's below it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Where this monitor runs, as far as it is known ("" is not known). ``launch_type`` is
    that of its ECS task: ``FARGATE`` or "ec2"."""

    region: str = ""
    availability_zone: str = ""
    account_id: str = ""
    vpc_id: str = ""
    subnet_id: str = ""
    instance_id: str = ""
    runner_id: str = ""
    launch_type: str = ""

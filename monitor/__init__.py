"""Egress Monitor: reports which egress of an Ona runner's subnet broke, where, and why."""

__version__ = "0.2.0"

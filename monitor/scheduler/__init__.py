"""Scheduling: when targets are probed, and what happens to each result."""

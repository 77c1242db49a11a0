"""Runs every benchmark: ``make bench``."""

from benchmarks import footprint, probe_cost

probe_cost.main()
footprint.main()

"""Inference from many results to few incidents, and their follow-up probes."""

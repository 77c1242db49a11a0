"""Metric families and the Prometheus exposition."""

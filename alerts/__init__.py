"""Alerting rules as code: ``make alerts`` writes deploy/prometheus/egress-monitor.rules.yaml."""

"""View models: JSON, terminal, reports, firewall requests."""

"""HTTP server of the monitor: metrics, health, JSON API and status page."""

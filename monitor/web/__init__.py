"""What the monitor serves: metrics, health, the JSON API and the status page. Read-only."""

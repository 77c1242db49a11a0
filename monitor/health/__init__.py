"""States of targets: up, degraded, down, with hysteresis."""

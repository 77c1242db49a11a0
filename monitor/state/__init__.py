"""Current state, events, history and self-metrics."""

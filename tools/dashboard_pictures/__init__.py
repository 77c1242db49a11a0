"""Pictures of the Grafana dashboards, drawn with Grafana's own panel components."""

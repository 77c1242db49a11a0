"""Exporters: metrics, remote write, MQTT."""

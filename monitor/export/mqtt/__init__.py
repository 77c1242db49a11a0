"""MQTT publication of states and events."""

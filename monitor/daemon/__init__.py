"""The daemon: wiring, identity, logging."""

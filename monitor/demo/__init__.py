"""The demonstration: a small internet on loopback, faults in it, and the monitor on top."""

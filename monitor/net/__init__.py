"""Sockets, TLS, HTTP and DNS as the probers need them: non-blocking, bounded, timed."""

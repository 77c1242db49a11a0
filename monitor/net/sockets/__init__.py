"""Sockets: streams, TLS, UDP, ICMP errors, kernel figures, the trust store."""

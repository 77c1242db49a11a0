"""HTTP/1.1 messages and dates."""

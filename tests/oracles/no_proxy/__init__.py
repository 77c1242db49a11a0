"""NO_PROXY entries: whether Go's net/http goes past the proxy for each host."""

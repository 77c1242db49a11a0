"""HTTP proxies: selection rules, CONNECT, audit of NO_PROXY."""

"""Path probes without privileges: hops, flows, and the hop that resets."""

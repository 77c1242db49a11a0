"""Remote write: samples go to a durable queue, and from it to receivers of Prometheus' kind."""

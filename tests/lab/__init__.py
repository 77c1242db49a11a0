"""A small internet in network namespaces, with a middlebox that breaks it: needs root."""

"""DNS messages, clients and resolvers."""

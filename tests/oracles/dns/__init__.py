"""Answers of name servers: the addresses that Go's resolver takes from each pair of them."""

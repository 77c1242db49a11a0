"""Finds concrete names for wildcards, and the hosts that redirects lead to beside the list."""

"""Discovery: concrete names for wildcards, and hosts that redirects lead to."""

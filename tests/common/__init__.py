"""Tests of what knows nothing of the product."""

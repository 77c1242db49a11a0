"""Tools for developers that are neither part of the product nor needed by its tests."""

"""Helpers without product knowledge."""

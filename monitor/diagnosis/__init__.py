"""Diagnosis: one probe result to exactly one cause."""

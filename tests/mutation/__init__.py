"""Mutation testing of the pure decision logic: ``make mutants``."""

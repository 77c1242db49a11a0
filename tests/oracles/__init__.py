"""Verdicts of other clients on recorded inputs, and the programs that record them."""

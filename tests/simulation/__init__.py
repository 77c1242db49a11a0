"""Simulation of random worlds in virtual time, to measure whether the diagnosis is true."""

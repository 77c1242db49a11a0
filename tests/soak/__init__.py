"""Endurance run of a whole daemon among faults, hostile peers and a stalled log reader."""

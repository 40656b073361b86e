"""Propagation, antennas, link budget: how strong a signal is where."""

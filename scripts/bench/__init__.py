"""Measurements, each printed by a command of its own: `nox -s bench` runs them all."""

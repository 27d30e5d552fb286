"""Maintenance commands, run by nox."""

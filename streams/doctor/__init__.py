"""Checks of an installation: machine, settings, broker, topics, worker, clock, definitions."""

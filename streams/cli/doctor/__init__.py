"""`duly doctor`: what is reachable, and what is not as a worker needs it."""

from __future__ import annotations

from streams.cli.doctor.command import doctor

__all__ = ["doctor"]

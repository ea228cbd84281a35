"""`duly doctor`: check all that a worker needs."""

from __future__ import annotations

from streams.cli.doctor.command import doctor

__all__ = ["doctor"]

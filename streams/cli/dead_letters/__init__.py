"""`duly dead-letters`: what could not be judged, and why; and another try."""

from __future__ import annotations

from streams.cli.dead_letters.command import app

__all__ = ["app"]

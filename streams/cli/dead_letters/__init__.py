"""`duly dead-letters`: list, show and retry events that could not be judged."""

from __future__ import annotations

from streams.cli.dead_letters.command import app

__all__ = ["app"]

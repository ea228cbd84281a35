"""`duly dev`: everything in one terminal, for working on flows and on services that send events."""

from __future__ import annotations

from streams.cli.dev.command import dev

__all__ = ["dev"]

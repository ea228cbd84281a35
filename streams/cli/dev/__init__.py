"""`duly dev`: broker, worker, flows and verdicts in one terminal, for working on flows and services."""

from __future__ import annotations

from streams.cli.dev.command import dev

__all__ = ["dev"]

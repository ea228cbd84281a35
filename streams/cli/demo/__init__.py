"""`duly demo`: a broker, a worker and a sample shop, whose broken orders are told from the rest."""

from __future__ import annotations

from streams.cli.demo.command import demo

__all__ = ["demo"]

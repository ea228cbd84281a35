"""`duly demo`: a broker, a worker and a sample shop, and a verdict on each of its orders."""

from __future__ import annotations

from streams.cli.demo.command import demo

__all__ = ["demo"]

from __future__ import annotations

from tests.support.command_line import broker, duly, no_settings

__all__ = ["broker", "duly", "no_settings"]

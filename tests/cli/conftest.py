from __future__ import annotations

from tests.support.command_line import broker, duly, flow_file, no_settings, topics

__all__ = ["broker", "duly", "flow_file", "no_settings", "topics"]

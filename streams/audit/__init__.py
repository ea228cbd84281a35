"""Checks what workers said against what the log implies, knowing nothing but the topics.

    python -m streams.audit --bootstrap localhost:9092

The audit reads the events and the definitions from their beginning, judges every partition anew by
the pure engine, and compares: no verdict may be lost, said in two ways, or other than implied. It
shares the engine and the wire with the worker, and nothing of what moves bytes between them.
"""

from __future__ import annotations

from streams.audit.auditor import audit
from streams.audit.findings import Findings

__all__ = ["Findings", "audit"]

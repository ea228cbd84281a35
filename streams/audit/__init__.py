"""Judges the events topic anew and compares with the verdicts that workers wrote.

    python -m streams.audit --bootstrap localhost:9092

The audit reads events and definitions from their beginning and judges every partition by the pure
engine. No verdict may be missing, written in two ways, or other than the log implies. It shares the
engine and the wire with the worker, and none of the code that moves bytes between them.
"""

from __future__ import annotations

from streams.audit.auditor import audit
from streams.audit.findings import Findings

__all__ = ["Findings", "audit"]

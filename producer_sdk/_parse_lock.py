"""Lock for parsing and compiling: one thread at a time.

CPython 3.11 counts the depth of syntax trees for the whole interpreter: if two threads parse or
compile at once, one fails with "SystemError: AST constructor recursion depth mismatch". A function is
captured once, so threads hardly ever wait here. (The host's own threads may still parse at the same
time; an event may then lose its script, which is counted and logged.)
"""

from __future__ import annotations

import os
import threading

parse_lock = threading.RLock()
"""Reentrant: a signal handler may interrupt the thread that holds it."""

# A fork while another thread holds it would leave it locked for ever in the child.
os.register_at_fork(
    before=parse_lock.acquire,
    after_in_parent=parse_lock.release,
    after_in_child=parse_lock.release,
)

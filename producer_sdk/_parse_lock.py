"""One thread at a time parses or compiles source.

CPython 3.11 counts the depth of syntax trees for the whole interpreter: while one thread makes a
tree or compiles one, another that does so fails with "SystemError: AST constructor recursion depth
mismatch". A function is captured once, so hardly anybody ever waits. (The host's own threads may
still parse meanwhile; that costs an event its script at most, and says so.)
"""

from __future__ import annotations

import os
import threading

parsing = threading.RLock()
"""May be taken again by its own thread, which a signal handler interrupts anywhere."""

# A fork while another thread holds it would leave it taken for ever in the child.
os.register_at_fork(
    before=parsing.acquire,
    after_in_parent=parsing.release,
    after_in_child=parsing.release,
)

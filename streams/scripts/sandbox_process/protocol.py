"""Wire format between the worker and a sandbox process: requests, replies, and answers in shared memory.

A request is a line of JSON `{"number", "source", "lengths", "explain", "seconds", "call_s"}`, then
the bytes of `lengths` texts, `[data, ctx, data, ctx, …]`; without texts it only compiles the script.

The shared memory holds the number of the request that was read last, a count of the bytes that
follow, and a line for each answer. So the worker knows the answers of a process that it had to kill.

A reply over the socket, a line of JSON, ends a request: `["done", number]`, `["refused", number,
message]`, or `["limit", number, message]` for the call behind the last answer. A process says
`["ready"]` once, before its first request.

Lines and replies name their request, since a process can end, or stand still, at any point: what
the worker finds there may be of the request before.
"""

from __future__ import annotations

import struct

NUMBER = struct.Struct("=Q")
COUNTER = struct.Struct("=Q")
LINES_AT = NUMBER.size + COUNTER.size
"""Offset of the first line in the shared memory; the number is at 0, the count behind it."""

OUTPUT_BYTES = 2 << 20
"""Size of the shared memory."""


def line_mark(number: int, call: int) -> bytes:
    """Return the prefix of the line of a call, which says whose answer it is.

    Args:
        number: of the request.
        call: index of the call in it, from 0.
    """
    return b"%d %d " % (number, call)

"""The loop of a sandbox process: requests come over a socket, answers go into shared memory.

A request is a line of JSON `{"number", "source", "lengths", "explain", "seconds", "call_s"}`, then the bytes of
`lengths` texts, `[data, ctx, data, ctx, …]`; without texts it asks whether the script compiles. The shared memory
holds the number of the request that was read last, a count of the bytes that follow, and a line for each answer:
so the worker knows the answers of a process that it had to kill. A reply over the socket, a line of JSON, ends a
request: `["done", number]`, `["refused", number, message]`, or `["limit", number, message]` for the call behind
the last answer. Lines and replies name their request, since a process can end, or stand still, at any point: what
the worker finds there may be of the request before.
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
import time
from collections import OrderedDict
from importlib import import_module
from typing import TYPE_CHECKING, Any

import orjson

from streams.scripts.sandbox_process.confinement import give_up
from streams.scripts.sandbox_process.interpreter import LimitReached, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.scripts.sandbox_process.interpreter import Language, Script

NUMBER = struct.Struct("=Q")
COUNTER = struct.Struct("=Q")
LINES_AT = NUMBER.size + COUNTER.size
OUTPUT_BYTES = 2 << 20
MAX_LINE_BYTES = 4_096
"""A pass ends early where a line might not fit any more."""

MAX_CACHED = 200
"""Scripts kept compiled; the worker compiles no more often than it must, too."""


class Output:
    """The shared memory that answers are written to."""

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, OUTPUT_BYTES)
        self._begin_lines(0)

    def begin(self, number: int) -> None:
        """Forget the answers of the request before, and begin those of this one."""
        COUNTER.pack_into(self._memory, NUMBER.size, 0)
        NUMBER.pack_into(self._memory, 0, number)
        self._begin_lines(number)

    def has_room(self) -> bool:
        """Return whether another line fits, whatever it says."""
        return self._end + MAX_LINE_BYTES < OUTPUT_BYTES

    def write(self, line: bytes) -> None:
        """Add the line of the next call; it counts when all of it is there."""
        text = line_mark(self._number, self._lines) + line + b"\n"
        end = self._end + len(text)
        self._memory[self._end : end] = text
        self._end = end
        self._lines += 1
        COUNTER.pack_into(self._memory, NUMBER.size, end - LINES_AT)

    def _begin_lines(self, number: int) -> None:
        self._number = number
        self._lines = 0
        self._end = LINES_AT


def line_mark(number: int, call: int) -> bytes:
    """Return how the line of a call begins: whose answer it is.

    Args:
        number: of the request.
        call: which of its calls, from 0 on.
    """
    return b"%d %d " % (number, call)


class Server:
    """Answers requests until the socket closes."""

    def __init__(self, language: Language, output: Output) -> None:
        self._language = language
        self._output = output
        self._scripts: OrderedDict[str, Script] = OrderedDict()

    def serve(self, connection: socket.socket) -> None:
        """Answer one request after the other."""
        stream = connection.makefile("rb")
        while header := stream.readline():
            request = orjson.loads(header)
            self._output.begin(request["number"])
            texts = [stream.read(length) for length in request["lengths"]]
            kind, *message = self._reply(request, texts)
            connection.sendall(orjson.dumps([kind, request["number"], *message]) + b"\n")

    def _reply(self, request: dict[str, Any], texts: list[bytes]) -> list[str]:
        until_s = time.monotonic() + request["seconds"]
        self._language.call_s = request["call_s"]
        try:
            script = self._script(request["source"])
            for number, explain in enumerate(request["explain"]):
                is_over = time.monotonic() > until_s or not self._output.has_room()
                if is_over and number:  # one is always answered, lest nothing ever is
                    break
                data, ctx = texts[2 * number : 2 * number + 2]
                self._output.write(script.call(data, ctx, explain=explain))
        except Refused as refusal:
            return ["refused", str(refusal)]
        except LimitReached as limit:
            return ["limit", str(limit)]
        return ["done"]

    def _script(self, source: str) -> Script:
        script = self._scripts.get(source)
        if script is None:
            script = self._scripts[source] = self._language.compile(source)
            if len(self._scripts) > MAX_CACHED:
                self._scripts.popitem(last=False)
        return script


def main(name: str, socket_fd: str, output_fd: str, parent: str, memory: str) -> None:
    """Run the process of a language.

    Args:
        name: `cel` or `js`.
        socket_fd: descriptor of the socket to the worker.
        output_fd: descriptor of the shared memory.
        parent: process id of the worker.
        memory: memory of one call in bytes.
    """
    language = _language(name, int(memory))
    output = Output(int(output_fd))
    connection = socket.socket(fileno=int(socket_fd))
    os.close(int(output_fd))
    # What is loaded at the first call must be there before no file can be opened any more.
    language.compile("true").call(b"{}", b"{}", explain=True)
    give_up(int(parent), int(memory))
    connection.sendall(b'["ready"]\n')
    Server(language, output).serve(connection)


def _language(name: str, memory_bytes: int) -> Language:
    languages: dict[str, Callable[[], Language]] = {
        "cel": lambda: import_module("streams.scripts.sandbox_process.cel").Cel(),
        "js": lambda: import_module("streams.scripts.sandbox_process.javascript").JavaScript(
            memory_bytes
        ),
    }
    return languages[name]()

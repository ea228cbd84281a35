"""Main loop of a sandbox process: reads requests, writes answers; `protocol` has the format."""

from __future__ import annotations

import mmap
import os
import socket
import time
from collections import OrderedDict
from importlib import import_module
from typing import TYPE_CHECKING, Any

import orjson

from streams.scripts.sandbox_process.confinement import drop_privileges
from streams.scripts.sandbox_process.interpreter import LimitReached, ScriptRefused
from streams.scripts.sandbox_process.protocol import (
    COUNTER,
    LINES_AT,
    NUMBER,
    OUTPUT_BYTES,
    line_mark,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.scripts.sandbox_process.interpreter import Interpreter, RunnableScript

MAX_LINE_BYTES = 4_096
"""A pass ends early if another line might not fit."""

MAX_CACHED = 200
"""Compiled scripts that are kept; the worker caches what it compiled, too."""


class Output:
    """The shared memory that answers are written to."""

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, OUTPUT_BYTES)
        self._begin_lines(0)

    def begin(self, number: int) -> None:
        """Discard the answers of the previous request, and begin those of this one."""
        COUNTER.pack_into(self._memory, NUMBER.size, 0)
        NUMBER.pack_into(self._memory, 0, number)
        self._begin_lines(number)

    def has_room(self) -> bool:
        """Return True if another line fits, whatever it says."""
        return self._end + MAX_LINE_BYTES < OUTPUT_BYTES

    def write(self, line: bytes) -> None:
        """Add the line of the next call; it counts once all of it is there."""
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


class Server:
    """Answers requests until the socket closes."""

    def __init__(self, interpreter: Interpreter, output: Output) -> None:
        self._interpreter = interpreter
        self._output = output
        self._scripts: OrderedDict[str, RunnableScript] = OrderedDict()

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
        self._interpreter.call_s = request["call_s"]
        try:
            script = self._script(request["source"])
            for number, explain in enumerate(request["explain"]):
                is_over = time.monotonic() > until_s or not self._output.has_room()
                if is_over and number:  # one is always answered, or no pass would get on
                    break
                data, ctx = texts[2 * number : 2 * number + 2]
                self._output.write(script.call(data, ctx, explain=explain))
        except ScriptRefused as refusal:
            return ["refused", str(refusal)]
        except LimitReached as limit:
            return ["limit", str(limit)]
        return ["done"]

    def _script(self, source: str) -> RunnableScript:
        script = self._scripts.get(source)
        if script is None:
            script = self._scripts[source] = self._interpreter.compile(source)
            if len(self._scripts) > MAX_CACHED:
                self._scripts.popitem(last=False)
        return script


def main(name: str, socket_fd: str, output_fd: str, parent: str, memory: str) -> None:
    """Run a sandbox process.

    Args:
        name: `cel` or `js`.
        socket_fd: descriptor of the socket to the worker.
        output_fd: descriptor of the shared memory.
        parent: process id of the worker.
        memory: memory of one call in bytes.
    """
    interpreter = _interpreter(name, int(memory))
    output = Output(int(output_fd))
    connection = socket.socket(fileno=int(socket_fd))
    os.close(int(output_fd))
    # The first call loads modules, which must happen before files can no longer be opened.
    interpreter.compile("true").call(b"{}", b"{}", explain=True)
    drop_privileges(int(parent), int(memory))
    connection.sendall(b'["ready"]\n')
    Server(interpreter, output).serve(connection)


def _interpreter(name: str, memory_bytes: int) -> Interpreter:
    languages: dict[str, Callable[[], Interpreter]] = {
        "cel": lambda: import_module(
            "streams.scripts.sandbox_process.cel_interpreter"
        ).CelInterpreter(),
        "js": lambda: import_module(
            "streams.scripts.sandbox_process.javascript_interpreter"
        ).JavaScriptInterpreter(memory_bytes),
    }
    return languages[name]()

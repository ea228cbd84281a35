"""The worker's side of the channel to a sandbox process: messages over a socket, answers in shared memory."""

from __future__ import annotations

import mmap
import socket
import time
from typing import TYPE_CHECKING, Any

import orjson

from streams.scripts.sandbox_process.protocol import (
    COUNTER,
    LINES_AT,
    NUMBER,
    OUTPUT_BYTES,
    line_mark,
)

if TYPE_CHECKING:
    from streams.scripts.cpu_time import CpuTimer

MAX_MESSAGE_BYTES = 1 << 20

STARVED_FACTOR = 4
"""A process that gets no CPU may take this many times its time."""

LEAST_WAIT_S = 0.002


class MessageSocket:
    """Sends requests to a process, and reads its replies line by line.

    Args:
        connection: the worker's end of a socket pair; closed by `close`.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._partial = b""

    def close(self) -> None:
        """Close the socket, which ends a process that waits for a request."""
        self._socket.close()

    def send(self, request: bytes, seconds: float) -> None:
        """Send a request.

        Raises:
            TimeoutError: the process does not read it in time.
            OSError: the process has ended.
        """
        self._socket.settimeout(seconds)
        self._socket.sendall(request)

    def is_closed(self) -> bool:
        """Return True if the process has closed its end, as one does that ends."""
        self._socket.settimeout(0)
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def read_while_it_works(self, timer: CpuTimer, seconds: float) -> Any:
        """Return the next message. `seconds` is CPU time: on a busy machine it waits for longer.

        A process that is killed is expensive to replace, and a retry would get no more CPU.

        Raises:
            TimeoutError: there is none in time.
        """
        last = time.monotonic() + seconds * STARVED_FACTOR
        wait_s = seconds
        while True:
            try:
                return self.read(wait_s)
            except TimeoutError:
                wait_s = min(seconds - timer.seconds(), last - time.monotonic())
                if wait_s < LEAST_WAIT_S:
                    raise

    def read(self, seconds: float) -> Any:
        """Return the next message, None if the process ended or sent nonsense instead.

        Raises:
            TimeoutError: there is none in time.
        """
        deadline = time.monotonic() + seconds
        while not self._partial.endswith(b"\n"):
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            part = self._socket.recv(65_536)
            self._partial += part
            if not part or len(self._partial) > MAX_MESSAGE_BYTES:
                return None
        text, self._partial = self._partial, b""
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return None


class AnswerMemory:
    """Reads the answers that a process writes into shared memory.

    Args:
        descriptor: of the memory; it may be closed afterwards.
    """

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, OUTPUT_BYTES)

    def close(self) -> None:
        """Release the memory."""
        self._memory.close()

    def has_begun(self, number: int) -> bool:
        """Return True if the process has read the request of this number."""
        return NUMBER.unpack_from(self._memory)[0] == number

    def lines(self, number: int, calls: int) -> list[bytes]:
        """Return the answers to the first of `calls` calls of the request of this number.

        A count that was not written to its end may reach into lines of another request.
        """
        if not self.has_begun(number):
            return []
        size = min(COUNTER.unpack_from(self._memory, NUMBER.size)[0], OUTPUT_BYTES - LINES_AT)
        found = self._memory[LINES_AT : LINES_AT + size].split(b"\n")[:-1]
        lines: list[bytes] = []
        for call, line in enumerate(found[:calls]):
            mark = line_mark(number, call)
            if not line.startswith(mark):
                break
            lines.append(line[len(mark) :])
        return lines

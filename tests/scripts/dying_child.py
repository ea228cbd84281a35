"""A sandbox process that ends, or stands still, at a point that the test names."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from streams.scripts.sandbox_process import main as child

if TYPE_CHECKING:
    from collections.abc import Sequence

POINTS = ("read", "begun", "first answer", "last answer")
"""Before the request is begun; before its first answer; behind its first; behind all, before the reply."""

CRASH = b'"crash"'
"""Data with this word end the process by SIGSEGV."""


def boot(point: str, signal_name: str, request: int = 2) -> str:
    """Return the program of a process that gets a signal at a point of one of its requests."""
    return (
        "import sys; sys.path.append(sys.argv.pop(1)); "
        "from tests.scripts.dying_child import main; "
        f"main({point!r}, {signal_name!r}, {request}, sys.argv[1:])"
    )


def main(point: str, signal_name: str, request_number: int, arguments: Sequence[str]) -> None:
    """Run the sandbox process, which gets the signal at the point."""
    ending = signal.Signals[signal_name]
    reply = child.Server._reply

    class Dying(child.Output):
        def begin(self, number: int) -> None:
            self._at("read", number)
            super().begin(number)
            self._at("begun", number)

        def write(self, line: bytes) -> None:
            super().write(line)
            if self._lines == 1:
                self._at("first answer", self._number)

        def _at(self, here: str, number: int) -> None:
            if (here, number) == (point, request_number):
                signal.raise_signal(ending)

    class Server(child.Server):
        def _reply(self, request: dict[str, Any], texts: list[bytes]) -> list[str]:
            if any(CRASH in text for text in texts):
                signal.raise_signal(signal.SIGSEGV)
            found = reply(self, request, texts)
            if (point, request_number) == ("last answer", request["number"]):
                signal.raise_signal(ending)
            return found

    child.Output = Dying
    child.Server = Server
    child.main(*arguments)

"""Errors of `streams`, with the exit code of the process that each of them ends.

DulyError                    70  something inside is wrong: restart the worker
├── SettingsError             2  a setting is missing, malformed or unsafe
├── ShadowedPackage           2  another package hides one of ours
├── WrongVersion              2  an installed package is not of the version that we override
├── NotFound                  2  the broker does not hold what a command names
├── UnreadableInput           2  a file, stdin or an option that a command cannot read
├── InvalidFlowFile           2  a flow file that cannot be used
├── BadLine                   2  a line of a recording that is no record
├── BrokerError               4  the broker is not as the process needs it
│   ├── BrokerUnavailable     4  nobody answers there, or it refuses us
│   ├── NoTopic               4  a topic does not exist
│   ├── TopicMismatch         4  a topic exists with settings that would judge runs wrongly
│   ├── UnreadableRecords     4  a batch is damaged, or no codec here can read it
│   └── IncompleteRead        4  what the broker holds could not be read whole
├── DemoFailed                4  the demo cannot show what it promises
├── WorkerEnded               4  the worker of a `duly dev` session is gone
├── EngineUnavailable        70  a script engine does not work on this machine
├── UnreadableState          70  a record of the changelog is not the state of a run
└── LeaseLost                70  this process stood still for longer than its session

Beside it, because they judge what somebody wrote and end no process: `schemas.errors.SchemaError` (an event or a
definition that is not what the wire says; a command ends with 2) and `streams.scripts.language.NotCompiled`
with its `EngineFailed` (a script that cannot be run; its node fails). `producer_sdk` has a tree of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

EXIT_STOPPED = 0
EXIT_SETTINGS = 2
EXIT_BROKER = 4
EXIT_INTERNAL = 70


class DulyError(Exception):
    """Base of all errors; the message says what went wrong, where, and what to do."""

    exit_code = EXIT_INTERNAL


class SettingsError(DulyError):
    """A setting is missing, malformed or unsafe; the message names each variable."""

    exit_code = EXIT_SETTINGS


class ShadowedPackage(DulyError):
    """Another package hides one of ours; the message names its file."""

    exit_code = EXIT_SETTINGS


class FileProblem(NamedTuple):
    """One thing wrong in a flow file: the file, the line from 1, the node, and why."""

    file: str
    line: int
    node: str | None
    message: str

    def __str__(self) -> str:
        node = "" if self.node is None else f"node {self.node}: "
        return f"{self.file}:{self.line}: {node}{self.message}"


class InvalidFlowFile(DulyError):
    """A flow file that cannot be used; `problems` holds everything wrong with it."""

    exit_code = EXIT_SETTINGS

    def __init__(self, problems: Iterable[FileProblem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


class BadLine(DulyError):
    """A line of a recording that is neither an event nor a clock record.

    Attributes:
        number: of the line, from 1.
        reason: what is wrong with it, for people.
    """

    exit_code = EXIT_SETTINGS

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"line {number}: {reason}")
        self.number = number
        self.reason = reason


class NotFound(DulyError):
    """The broker holds nothing of the name that was given; the message lists what it holds."""

    exit_code = EXIT_SETTINGS


class UnreadableInput(DulyError):
    """A file, stdin or an option that cannot be read; the message names it."""

    exit_code = EXIT_SETTINGS


class WrongVersion(DulyError):
    """An installed package is not of the version that we override; the message has the command that mends it."""

    exit_code = EXIT_SETTINGS


class BrokerError(DulyError):
    """The broker is not as the process needs it."""

    exit_code = EXIT_BROKER


class BrokerUnavailable(BrokerError):
    """No broker answers at the address, or it refuses us."""


class NoTopic(BrokerError):
    """A topic does not exist; a client that only looked for it could create it, and wrong."""


class TopicMismatch(BrokerError):
    """A topic exists with settings that would judge runs wrongly."""


class UnreadableRecords(BrokerError):
    """A batch of records is damaged, or compressed with a codec that is not installed."""


class IncompleteRead(BrokerError):
    """A topic could not be read whole: to judge a part of it would be to guess."""


class DemoFailed(DulyError):
    """The demo cannot show what it promises."""

    exit_code = EXIT_BROKER


class WorkerEnded(DulyError):
    """The worker of a `duly dev` session is gone; with the end of its log."""

    exit_code = EXIT_BROKER


class EngineUnavailable(DulyError):
    """A script engine does not work on this machine, for reasons that are not a script's."""


class UnreadableState(DulyError):
    """A record of the changelog is not the state of a run."""


class LeaseLost(DulyError):
    """The process stood still for so long that its partitions may have a new owner."""


def exit_code_of(error: BaseException) -> int:
    """Return the exit code that tells a supervisor what kind of `error` ended the worker."""
    return error.exit_code if isinstance(error, DulyError) else EXIT_INTERNAL

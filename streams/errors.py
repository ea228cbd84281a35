"""What stops a worker, and with which exit code.

DulyError                   70  something inside is wrong: restart the worker
├── SettingsError            2  a setting is missing, malformed or unsafe
├── ShadowedPackage          2  another package hides one of ours
├── NotFound                 2  the broker does not hold what a command names
├── BrokerError              4  the broker is not as the worker needs it
│   ├── BrokerUnavailable    4  nobody answers there
│   ├── NoTopic              4  a topic does not exist
│   ├── TopicMismatch        4  a topic exists with settings that would judge runs wrongly
│   ├── IncompleteRead       4  a topic cannot be read to its end
│   └── UnreadableRecords    4  a batch that no codec here can read
├── UnreadableState         70  a record of the changelog is not the state of a run
└── LeaseLost               70  this process stood still for longer than its session
"""

from __future__ import annotations

EXIT_STOPPED = 0
EXIT_SETTINGS = 2
EXIT_BROKER = 4
EXIT_INTERNAL = 70


class DulyError(Exception):
    """What went wrong, where, and what to do, in words for the person who runs the worker."""

    exit_code = EXIT_INTERNAL


class SettingsError(DulyError):
    """A setting is missing, malformed or unsafe; the message names each variable."""

    exit_code = EXIT_SETTINGS


class ShadowedPackage(DulyError):
    """Another package hides one of ours; the message names its file."""

    exit_code = EXIT_SETTINGS


class NotFound(DulyError):
    """The broker holds nothing of the name that was given; the message lists what it holds."""

    exit_code = EXIT_SETTINGS


class BrokerError(DulyError):
    """The broker is not as the worker needs it."""

    exit_code = EXIT_BROKER


class BrokerUnavailable(BrokerError):
    """No broker answers at the address, or it refuses us."""


class NoTopic(BrokerError):
    """A topic does not exist; a client that only looked for it could create it, and wrong."""


class IncompleteRead(BrokerError):
    """A topic cannot be read whole; to judge a part of it would be to guess."""


class TopicMismatch(BrokerError):
    """A topic exists with settings that would judge runs wrongly."""


class UnreadableRecords(BrokerError):
    """A batch of records is damaged, or compressed with a codec that is not installed."""


class UnreadableState(DulyError):
    """A record of the changelog is not the state of a run."""


class LeaseLost(DulyError):
    """The process stood still for so long that its partitions may have a new owner."""


def exit_code_of(error: BaseException) -> int:
    """Return the exit code that tells a supervisor what kind of `error` ended the worker."""
    return error.exit_code if isinstance(error, DulyError) else EXIT_INTERNAL

"""Broker, the base of all kinds: an address, and methods that stop, kill, pause and restart it."""

from __future__ import annotations

import atexit
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, Self, get_args

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

BrokerKind = Literal["external", "docker", "apache", "embedded"]

KINDS: tuple[BrokerKind, ...] = get_args(BrokerKind)
"""All kinds, the preferred first."""

APACHE_KINDS: tuple[BrokerKind, ...] = ("external", "docker", "apache")
"""The kinds on which the guarantees hold."""


class Broker(ABC):
    """One broker, alone in its cluster.

    Use it as a context manager, or call `close`; both end it and forget its data.
    """

    kind: ClassVar[BrokerKind]
    notice: ClassVar[str] = ""
    """Sentence for the screen on what this broker lacks; empty for Apache Kafka."""

    bootstrap: str
    """The address for clients, `host:port`."""

    _closed = False

    @classmethod
    @abstractmethod
    def prepare(cls, folder: Path) -> Self:
        """Find or fetch all that a start needs, and keep what was fetched in `folder`.

        Raises:
            BrokerUnavailable: this kind cannot run here; the message says what is missing.
        """

    @abstractmethod
    def start(self) -> None:
        """Start, and return when clients are served.

        Raises:
            BrokerUnavailable: it ended or stayed silent; the message has the end of its log.
        """

    @abstractmethod
    def stop(self) -> None:
        """Stop cleanly; data and address stay for a `restart`."""

    @abstractmethod
    def kill(self) -> None:
        """End at once, as a power cut would; data and address stay for a `restart`."""

    @abstractmethod
    def restart(self) -> None:
        """Start again on the same data and address, after a `stop` where it still runs."""

    @abstractmethod
    def pause(self) -> None:
        """Freeze: connections stay open and nothing answers."""

    @abstractmethod
    def resume(self) -> None:
        """Thaw after a `pause`."""

    @abstractmethod
    def discard(self) -> None:
        """End at once, and forget data and address; called once, by `close`."""

    def close(self) -> None:
        """End for good and forget the data; closing again does nothing."""
        atexit.unregister(self.close)
        if not self._closed:
            self._closed = True
            self.discard()

    def __enter__(self) -> Self:
        """Return the broker itself, which runs already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

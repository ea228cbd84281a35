"""Broker that somebody else runs, named by DULY_BROKER."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar, NoReturn, Self

from streams.dev_broker.base import Broker, BrokerKind
from streams.dev_broker.ports import accepts
from streams.errors import BrokerError, BrokerUnavailable

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT_S = 10.0


class ExternalBroker(Broker):
    """Any Kafka; it is used and otherwise left alone."""

    kind: ClassVar[BrokerKind] = "external"

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    @classmethod
    def prepare(cls, folder: Path) -> Self:  # noqa: ARG003  # nothing is fetched
        """Read the address from DULY_BROKER."""
        bootstrap = os.environ.get("DULY_BROKER", "")
        if not bootstrap:
            raise BrokerUnavailable("DULY_BROKER is not set. Set it to HOST:PORT of a Kafka broker")
        return cls(bootstrap)

    def start(self) -> None:
        """Check that one of the addresses accepts a connection."""
        addresses = [address.strip().rpartition(":") for address in self.bootstrap.split(",")]
        if not all(port.isdigit() for _, _, port in addresses):
            raise BrokerUnavailable(f"DULY_BROKER={self.bootstrap} is not of the form HOST:PORT")
        if not any(accepts(host, int(port), _TIMEOUT_S) for host, _, port in addresses):
            raise BrokerUnavailable(f"Nothing answers at DULY_BROKER={self.bootstrap}")

    def stop(self) -> None:
        """Refuse."""
        self._refuse()

    def kill(self) -> None:
        """Refuse."""
        self._refuse()

    def restart(self) -> None:
        """Refuse."""
        self._refuse()

    def pause(self) -> None:
        """Refuse."""
        self._refuse()

    def resume(self) -> None:
        """Refuse."""
        self._refuse()

    def discard(self) -> None:
        """Leave it running."""

    def _refuse(self) -> NoReturn:
        raise BrokerError(f"The broker at {self.bootstrap} is not ours to stop.")

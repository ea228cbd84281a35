"""Starts the first kind of broker that can run here."""

from __future__ import annotations

import atexit
from pathlib import Path
from typing import TYPE_CHECKING

from streams.dev_broker.apache import ApacheBroker
from streams.dev_broker.base import KINDS, Broker, BrokerKind
from streams.dev_broker.container import ContainerBroker
from streams.dev_broker.embedded import EmbeddedBroker
from streams.dev_broker.external import ExternalBroker
from streams.errors import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

CACHE = Path(".duly")
"""Default folder for what is fetched and for the brokers' data: below the working directory."""

_CLASSES: dict[BrokerKind, type[Broker]] = {
    broker.kind: broker
    for broker in (ExternalBroker, ContainerBroker, ApacheBroker, EmbeddedBroker)
}


def start_broker(
    kind: BrokerKind | Sequence[BrokerKind] | None = None, folder: Path = CACHE
) -> Broker:
    """Start a broker and return it when it serves clients.

    Args:
        kind: the kind wanted, or several, the preferred first; by default all. Where
            DULY_BROKER is set and `external` is among them, no other is tried.
        folder: where fetched files and the brokers' data are kept, made when needed.

    Raises:
        BrokerUnavailable: none of the kinds can run here; the message says for each what is
            missing and what to install.
    """
    broker = _prepare_first(_kinds(kind), folder)
    try:
        broker.start()
    except BaseException:  # Ctrl-C too must leave nothing behind
        broker.close()
        raise
    atexit.register(broker.close)
    return broker


def _kinds(kind: BrokerKind | Sequence[BrokerKind] | None) -> Sequence[BrokerKind]:
    if kind is None:
        return KINDS
    return [kind] if isinstance(kind, str) else kind


def _prepare_first(kinds: Sequence[BrokerKind], folder: Path) -> Broker:
    reasons: list[str] = []
    for kind in kinds:
        try:
            return _CLASSES[kind].prepare(folder)
        except BrokerUnavailable as reason:
            reasons.append(f"  {kind}: {reason}")
    raise BrokerUnavailable("No Kafka broker can be had here:\n" + "\n".join(reasons))

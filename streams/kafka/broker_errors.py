"""Turns errors of Kafka clients into `BrokerUnavailable`, with the address of the broker."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from streams.errors import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Generator

    from streams.settings.kafka import KafkaSettings


@contextmanager
def broker_errors(settings: KafkaSettings) -> Generator[None]:
    """Translate what an aiokafka client raises in a block.

    Raises:
        BrokerUnavailable: the broker cannot be reached, or refused a request.
    """
    try:
        yield
    except KafkaError as error:
        reason = f"{type(error).__name__}: {error}"
        raise BrokerUnavailable(f"the broker at {settings.broker} failed: {reason}") from error


def unreachable(error: Exception, settings: KafkaSettings) -> BrokerUnavailable:
    """Return the error of a client that could not connect, with what to look at."""
    secured = "DULY_SASL_* and DULY_SSL_CA" if settings.sasl_mechanism else "DULY_SSL_CA"
    return BrokerUnavailable(
        f"no Kafka broker serves us at {settings.broker} ({type(error).__name__}: {error}): "
        f"is it running, and are DULY_BROKER, {secured} right?"
    )

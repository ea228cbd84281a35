"""Faust's aiokafka transport, with one Faust message for each *batch of records* of a partition.

One Faust message costs 150-350 µs, whatever is in it. Faust stays in charge of the group, of
assignment, table recovery and commits; only the unit that it moves is larger. It is plugged in
through Faust's own extension points: `app.transport`, `Transport.Consumer`, `Transport.Producer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from faust.transport.drivers import aiokafka as driver

from streams.faust_batches.consumer import BatchConsumer
from streams.faust_batches.producer import BatchProducer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from faust.types import AppT

    from streams.faust_batches.lease import Lease


class BatchTransport(driver.Transport):
    """What `app.transport` and `app.producer_transport` are set to.

    Args:
        url: the brokers, as Faust gives them.
        app: the Faust app.
        lease: checked before each write.
        settle: awaited before partitions are given up: owners finish what is judged.
        idempotence: whether the broker has an idempotent producer.
    """

    Consumer = BatchConsumer
    Producer = BatchProducer

    def __init__(
        self,
        url: Any,
        app: AppT,
        *,
        lease: Lease,
        settle: Callable[[], Awaitable[None]],
        idempotence: bool = True,
    ) -> None:
        super().__init__(url, app)
        self.lease = lease
        self.settle = settle
        self.idempotence = idempotence


def batch_consumer(app: AppT) -> BatchConsumer:
    """Return the consumer of a running app."""
    return cast("BatchConsumer", app.consumer)


def batch_producer(app: AppT) -> BatchProducer:
    """Return the producer of a running app."""
    return cast("BatchProducer", app.producer)

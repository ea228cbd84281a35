"""Batch transport: Faust's on aiokafka, with one message for each *batch of records* of a partition.

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

    import faust
    from faust.types import AppT

    from streams.faust_batches.lease import Lease


class BatchTransport(driver.Transport):
    """The transport of the app, for consumer and producer.

    Args:
        url: the brokers, as Faust gives them.
        app: the Faust app.
        lease: checked before each write.
        drain: awaited before partitions are given up: owners finish what is judged.
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
        drain: Callable[[], Awaitable[None]],
        idempotence: bool = True,
    ) -> None:
        super().__init__(url, app)
        self.lease = lease
        self.drain = drain
        self.idempotence = idempotence


def use_batch_transport(
    app: faust.App,
    *,
    lease: Lease,
    drain: Callable[[], Awaitable[None]],
    idempotence: bool,
) -> None:
    """Let an app that has not started fetch and write in batches; the arguments are the transport's."""
    app.transport = app.producer_transport = BatchTransport(
        app.conf.broker_consumer, app, lease=lease, drain=drain, idempotence=idempotence
    )


def batch_consumer(app: AppT) -> BatchConsumer:
    """Return the consumer of a running app."""
    return cast("BatchConsumer", app.consumer)


def batch_producer(app: AppT) -> BatchProducer:
    """Return the producer of a running app."""
    return cast("BatchProducer", app.producer)

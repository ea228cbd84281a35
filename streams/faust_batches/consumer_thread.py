"""Thread in which aiokafka fetches and heartbeats, with what Faust has no setting for.

Its seams to Faust and aiokafka are pinned by tests/faust_batches/test_seams.py.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from faust.transport.drivers import aiokafka as driver

from streams.log import faust_logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka import AIOKafkaConsumer
    from faust.types import TP

FETCH_MAX_WAIT_MS = 200
"""How long a broker may hold an empty fetch. With Faust's 1 500, records that
arrive just after a fetch without their partition wait for that long."""


class RecordsAsParsed(PartitionRecords):
    """The records of a fetched partition as aiokafka's parser yields them.

    The base class copies each into an `aiokafka.ConsumerRecord`, which takes as long as all else of the fetch.
    """

    def __iter__(self) -> Any:
        """Return the parser itself, in place of a `__next__` around it for each record."""
        return vars(self)["_records_iterator"]

    def _consumer_record(self, tp: TopicPartition, record: Any) -> Any:  # noqa: ARG002  # aiokafka's signature
        return record


class Fetched(OrderedDict[TopicPartition, Any]):
    """Records that a fetcher of aiokafka keeps for its consumer, by partition."""

    def __setitem__(self, tp: TopicPartition, found: Any) -> None:
        if isinstance(found, FetchResult):  # not an error
            vars(found)["_partition_records"].__class__ = RecordsAsParsed
        super().__setitem__(tp, found)


def keep_as_parsed(fetcher: dict[str, Any]) -> None:
    """Let a fetcher, given by its attributes, hand on records as they were parsed."""
    held = fetcher["_records"]
    if type(held) is not Fetched:
        fetcher["_records"] = Fetched(held)


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The consumer's thread: reads committed records only, and hands them on as parsed."""

    logger = faust_logger

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust offers no setting for these two, and aiokafka reads them only when it starts.
        vars(consumer).update(
            _isolation_level="read_committed", _fetch_max_wait_ms=FETCH_MAX_WAIT_MS
        )
        return consumer

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109  # Faust's signature
        max_records: int | None = None,
    ) -> Mapping[Any, Any]:
        # The fetcher is made when the consumer starts, and offers no setting for this.
        fetcher: object = vars(consumer)["_fetcher"]
        if fetcher is not None:
            keep_as_parsed(vars(fetcher))
        return await super()._fetch_records(consumer, active_partitions, timeout, max_records)

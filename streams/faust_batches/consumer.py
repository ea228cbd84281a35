"""Consumer of the batch transport: delivers what was fetched of a partition as one message.

Its seams to Faust are pinned by tests/faust_batches/test_seams.py.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from faust.serializers.schemas import Schema
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.errors import UnreadableRecords
from streams.faust_batches.commits import CommitsInOrder
from streams.faust_batches.consumer_thread import BatchConsumerThread
from streams.log import faust_logger, get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from faust.transport.drivers import aiokafka as driver
    from faust.types import AppT, Message


log = get_logger(__name__)

PATIENCE_S = 0.02
"""How long a fetch waits while a partition is paused or recovered, so that the end of it is noticed soon."""

NO_GENERATION = -1


class BatchSchema(Schema[Any, Any]):
    """Hands the records of a batch on as they are."""

    def loads_key(self, app: AppT, message: Message, **_options: Any) -> Any:  # noqa: ARG002  # Faust's signature
        """Return None: a batch has no key."""
        return message.key

    def loads_value(self, app: AppT, message: Message, **_options: Any) -> Any:  # noqa: ARG002  # Faust's signature
        """Return the list of records, each with offset, timestamp, key, value and headers."""
        return message.value


class BatchConsumer(CommitsInOrder):
    """Delivers fetched batches whole, and commits what is acknowledged in log order."""

    logger = faust_logger

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._paused_by_owner: set[TP] = set()
        self._wanted = asyncio.Event()
        self._sought_generation = NO_GENERATION

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # --- backpressure: a partition whose owner has enough is not fetched from

    def pause(self, tp: TP) -> None:
        """Fetch nothing more of a partition until `resume`, or until a rebalance ends."""
        self._paused_by_owner.add(tp)

    def resume(self, tp: TP) -> None:
        """Fetch from a paused partition again."""
        self._paused_by_owner.discard(tp)
        self._wanted.set()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """See the base class; a fetch that waits for a partition goes on at once."""
        super().resume_partitions(tps)
        self._wanted.set()

    def on_buffer_full(self, tp: TP) -> None:
        """Do nothing: a full stream queue blocks the fetch loop already.

        The base class stops fetching the partition, and when all are stopped it sleeps a second.
        """

    def on_buffer_drop(self, tp: TP) -> None:
        """Do nothing, as `on_buffer_full` did nothing."""

    # --- fetching

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109  # Faust's signature
        """Yield one message for each partition that has records; its value is their list."""
        records = await self._fetch(timeout)
        generation = self.app.consumer_generation_id
        if not records or self.should_stop:
            return
        if not self.flow_active:
            await self._seek_back()
            return
        for partition, batch in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return  # a rebalance began: the seek that ends it fetches the rest again
            tp = TP(partition.topic, partition.partition)
            if self._is_wanted(tp, generation):
                yield tp, cast("Message", _message(tp, batch, generation))

    def _is_wanted(self, tp: TP, generation: int) -> bool:
        """Return True if this batch must be delivered.

        Events come after the seek that ends a rebalance, which goes back to what is committed.
        Changelogs are read in a recovery; afterwards they hold what we wrote ourselves.
        """
        if self._is_changelog_tp(tp):
            return self.app.in_recovery
        return generation == self._sought_generation

    async def _fetch(self, timeout: float) -> Mapping[Any, Any]:  # noqa: ASYNC109
        """Fetch from the partitions that are wanted now.

        In place of the base class's `_wait_next_records`, which hands its own, changing set of
        partitions to the thread that fetches: a partition that is taken out meanwhile would lose
        what was fetched of it. It also sleeps a second when no partition is wanted.
        """
        if not self.flow_active:
            await self.wait(cast("Any", self.can_resume_flow))
        wanted = self._get_active_partitions() - self._paused_by_owner
        if not wanted:
            self._wanted.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), timeout)
            return {}
        try:
            # A resume is to be noticed soon; so is the end of a recovery, which takes the changelogs out.
            is_short = bool(self._paused_by_owner) or any(map(self._is_changelog_tp, wanted))
            return await self._getmany(wanted, PATIENCE_S if is_short else timeout)
        except (CorruptRecordException, UnsupportedCodecError) as error:
            raise UnreadableRecords(await self._explain_unreadable(error)) from error

    async def _explain_unreadable(self, error: Exception) -> str:
        positions = {tp: await self.position(tp) for tp in sorted(self.assignment())}
        places = ", ".join(f"{tp.topic}-{tp.partition} at {at}" for tp, at in positions.items())
        return f"a fetched batch cannot be read ({error}); read up to: {places}"

    async def _seek_back(self) -> None:
        try:
            await self._seek_to_positions()
        except Exception as error:
            # As in the base class: the seek after the recovery repeats it.
            log.warning("seek failed during a rebalance", exc_info=error)

    async def perform_seek(self) -> None:
        """Seek to the committed offsets, with the flow stopped.

        After a recovery Faust seeks and then clears every stream queue while the flow runs on:
        what is fetched in between is cleared and never comes again. Every caller resumes the
        flow afterwards.
        """
        self.stop_flow()
        self._paused_by_owner.clear()  # their owners are closed
        await self._seek_to_positions()
        self._sought_generation = self.app.consumer_generation_id

    async def _seek_to_positions(self) -> None:
        await super().perform_seek()
        # The base class leaves a partition without a commit where it is. A fetch that was under
        # way when Faust paused it for the recovery has moved it on all the same.
        uncommitted = [
            TopicPartition(tp.topic, tp.partition)
            for tp in self.assignment()
            if not self._is_changelog_tp(tp) and not self._read_offset[tp]
        ]
        if uncommitted:
            await self._thread.seek_to_beginning(*uncommitted)

    # --- topics

    async def create_topic(self, topic: str, *_args: Any, **_options: Any) -> None:
        """Do nothing: streams/kafka/topics.py has created and checked every topic."""


def _message(tp: TP, batch: list[Any], generation: int) -> ConsumerMessage:
    last = batch[-1]
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        last.offset,
        last.timestamp / 1_000,
        last.timestamp_type,
        None,
        None,
        cast("Any", batch),
        None,
        0,
        0,
        tp,
        generation_id=generation,
    )

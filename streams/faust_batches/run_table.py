"""Runs table: a Faust table whose store holds one dict of runs for each partition.

Faust decides which partitions are ours and reads the changelog when they come; the owner of a
partition works on the dict itself and appends to the changelog in batches.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast

import faust

from schemas import headers
from streams.engine.run.codec import state_offset
from streams.errors import UnreadableState
from streams.faust_batches.consumer import BatchSchema
from streams.faust_batches.runs_in_memory import RunsInMemory
from streams.log import faust_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from faust.types import TP, AppT


RECOVERY_BUFFER_SIZE = 2
"""Batches that are applied at once. With 1, Faust goes on consuming the changelog for ever."""

NOTHING = -1


class RunStore(RunsInMemory):
    """The runs of each partition that this worker owns, recovered from the changelog.

    A value is the encoded state of a run. A record of the changelog counts only if its source
    offset is higher than that of the state or tombstone that is held: what a zombie wrote late
    loses.
    """

    logger = faust_logger

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._changelog_offsets: dict[int, int] = {}
        self._tombstones: defaultdict[int, dict[bytes, int]] = defaultdict(dict)
        self._invalid: set[int] = set()
        self.failure: UnreadableState | None = None

    def invalidate(self, partition: int) -> None:
        """Read a partition anew from its changelog: memory is ahead of what was remembered."""
        self._invalid.add(partition)

    # --- recovery, as Faust drives it

    def apply_changelog_batch(
        self,
        batch: Iterable[Any],
        to_key: Callable[[Any], Any],  # noqa: ARG002  # Faust's signature
        to_value: Callable[[Any], Any],  # noqa: ARG002  # Faust's signature
    ) -> None:
        """Apply batches of changelog records; an error is kept in `failure`, Faust would eat it."""
        for event in batch:
            message = event.message
            try:
                self._apply(message.partition, message.value)
            except (ValueError, UnreadableState) as error:
                self.failure = UnreadableState(
                    f"{message.topic}-{message.partition}, offsets up to {message.offset}: {error}"
                )
            self.set_persisted_offset(message.tp, message.offset)

    def _apply(self, partition: int, records: Iterable[Any]) -> None:
        runs, tombstones = self.runs(partition), self._tombstones[partition]
        for record in records:
            key, value = record.key, record.value
            offset = _tombstone_offset(record) if value is None else state_offset(value)
            held = runs.get(key)
            if offset <= (tombstones.get(key, NOTHING) if held is None else state_offset(held)):
                continue
            if value is None:
                runs.pop(key, None)
                tombstones[key] = offset
            else:
                runs[key] = value
                tombstones.pop(key, None)

    def persisted_offset(self, tp: TP) -> int | None:
        """Return the changelog offset that memory includes, so that Faust reads on from there."""
        return self._changelog_offsets.get(tp.partition)

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Take in that memory includes the changelog up to `offset`."""
        if offset > self._changelog_offsets.get(tp.partition, NOTHING):
            self._changelog_offsets[tp.partition] = offset

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],  # noqa: ARG002  # Faust's signature
        newly_assigned: set[TP],  # noqa: ARG002  # Faust's signature
        generation_id: int = 0,  # noqa: ARG002  # Faust's signature
    ) -> None:
        """Forget partitions that are no longer ours, and those that must be read anew."""
        changelog = cast("RunTable", self.table).changelog_topic_name
        ours = {tp.partition for tp in assigned if tp.topic == changelog} - self._invalid
        for partition in list(self._partitions):
            if partition not in ours:
                self._forget(partition)
        self._invalid.clear()

    def _forget(self, partition: int) -> None:
        self._partitions.pop(partition, None)
        self._changelog_offsets.pop(partition, None)
        self._tombstones.pop(partition, None)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:  # noqa: ARG002  # Faust's signature
        """Drop what only recovery needs to know."""
        self._tombstones.clear()

    def reset_state(self) -> None:
        """Forget everything."""
        for partition in list(self._partitions):
            self._forget(partition)


class RunTable(faust.Table[bytes, Any]):
    """Faust's table of runs; its changelog topic is `<app id>-<name>-changelog`."""

    logger = faust_logger

    def __init__(self, app: AppT, *, name: str, partitions: int) -> None:
        super().__init__(
            app,
            name=name,
            partitions=partitions,
            schema=BatchSchema(),
            recovery_buffer_size=RECOVERY_BUFFER_SIZE,
        )

    def remembered(self) -> list[tuple[bytes, bytes]]:
        """Return all runs that this worker remembers, by state key."""
        return cast("RunStore", self.data).all_runs()

    def _new_store_by_url(self, url: Any) -> RunStore:
        return RunStore(url, self.app, self, table_name=self.name, loop=self.loop)


def _tombstone_offset(record: Any) -> int:
    for name, value in record.headers:
        if name == headers.OFFSET and value is not None:
            return int(value)
    raise UnreadableState(f"the tombstone at offset {record.offset} lacks {headers.OFFSET}")

"""Store of a Faust table in memory: one dict of runs for each partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faust.stores.base import Store

from streams.log import faust_logger

if TYPE_CHECKING:
    from collections.abc import Iterator


class RunsInMemory(Store[bytes, Any]):
    """The encoded states of runs, by partition and state key."""

    logger = faust_logger

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._partitions: dict[int, dict[bytes, bytes]] = {}

    def runs(self, partition: int) -> dict[bytes, bytes]:
        """Return the runs of a partition, by state key; the owner changes them in place."""
        return self._partitions.setdefault(partition, {})

    def all_runs(self) -> list[tuple[bytes, bytes]]:
        """Return the runs of all partitions, as they stand now."""
        return [held for runs in self._partitions.values() for held in runs.items()]

    async def backup_partition(self, *_args: Any, **_options: Any) -> None:
        """Refuse: the changelog is the backup."""
        raise NotImplementedError("the runs table lives in memory; its changelog is the backup")

    def restore_backup(self, *_args: Any, **_options: Any) -> None:
        """Refuse: the changelog is the backup."""
        raise NotImplementedError("the runs table lives in memory; its changelog is the backup")

    # --- a mapping of all runs, for Faust's own looks at it

    def __getitem__(self, key: bytes) -> bytes:
        for runs in self._partitions.values():
            if key in runs:
                return runs[key]
        raise KeyError(key)

    def __iter__(self) -> Iterator[bytes]:
        for runs in self._partitions.values():
            yield from runs

    def __len__(self) -> int:
        return sum(map(len, self._partitions.values()))

    def __setitem__(self, key: bytes, value: Any) -> None:
        raise TypeError("only the owner of a partition changes its runs")

    def __delitem__(self, key: bytes) -> None:
        raise TypeError("only the owner of a partition changes its runs")

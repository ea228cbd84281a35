"""Common part of the logs that tests give an owner: topics that can be blocked, partitions that are paused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class BlockableTopics:
    """Topics of which each can be blocked, so that its writes wait for their acknowledgement."""

    def __init__(self, topics: Iterable[str]) -> None:
        self.paused: set[int] = set()
        self.changed = asyncio.Condition()
        self._open = {topic: asyncio.Event() for topic in topics}
        for gate in self._open.values():
            gate.set()

    def generation(self) -> int:
        return 7

    def pause(self, partition: int) -> None:
        self.paused.add(partition)

    def resume(self, partition: int) -> None:
        self.paused.discard(partition)

    def block(self, topic: str) -> None:
        self._open[topic].clear()

    def unblock(self, topic: str) -> None:
        self._open[topic].set()

    async def opened(self, topic: str) -> None:
        """Wait while a topic is blocked."""
        await self._open[topic].wait()

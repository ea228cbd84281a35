"""Queue between two tasks of one event loop; the reader takes all that has gathered."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A queue without a bound: whoever puts answers for it."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._filled = asyncio.Event()

    def put(self, item: T) -> None:
        """Add an item."""
        self._items.append(item)
        self._filled.set()

    async def take(self) -> T:
        """Return the oldest item, waiting for one if need be."""
        await self._filled.wait()
        return self._take()

    def take_now(self) -> T | None:
        """Return the oldest item if there is one."""
        return self._take() if self._items else None

    async def take_all(self) -> list[T]:
        """Return all items, oldest first, waiting for one if need be."""
        await self._filled.wait()
        return self.clear()

    def clear(self) -> list[T]:
        """Take out and return what is there, without waiting."""
        items = list(self._items)
        self._items.clear()
        self._filled.clear()
        return items

    def _take(self) -> T:
        item = self._items.popleft()
        if not self._items:
            self._filled.clear()
        return item

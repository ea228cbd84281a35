"""A queue between two tasks."""

from __future__ import annotations

import asyncio

from streams.agents.events.mailbox import Mailbox


async def test_items_come_in_order() -> None:
    box: Mailbox[int] = Mailbox()
    for item in range(3):
        box.put(item)
    assert [await box.take(), await box.take()] == [0, 1]
    assert await box.take_all() == [2]


async def test_a_reader_of_an_empty_box_waits_for_the_next_item() -> None:
    box: Mailbox[str] = Mailbox()
    reader = asyncio.create_task(box.take_all())
    await asyncio.sleep(0)
    assert not reader.done()
    box.put("now")
    assert await reader == ["now"]


async def test_a_cleared_box_is_empty() -> None:
    box: Mailbox[int] = Mailbox()
    box.put(1)
    assert box.clear() == [1]
    reader = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    assert not reader.done()
    box.put(2)
    assert await reader == 2

"""Agent of the events topic: gives every batch to the owner of its partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streams.agents.events.assigned_partitions import AssignedPartitions


def judge_events(
    partitions: AssignedPartitions, fail: Callable[[BaseException], None]
) -> Callable[[Any], Awaitable[None]]:
    """Return the agent, an async function over a Faust stream.

    Owners acknowledge a batch when its effects are durable. An exception here would make Faust
    acknowledge the batch and restart the agent, which loses it: so it ends the worker instead.
    """

    async def judge(stream: Any) -> None:
        try:
            async for batch in stream.noack().events():
                partitions.deliver(batch)
        except Exception as error:  # noqa: BLE001  # whatever it is, the batch must not be passed over
            fail(error)

    return judge

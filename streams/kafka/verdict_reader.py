"""Reads the verdict topic: each verdict once, filtered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from schemas.limits import VERSION
from schemas.topics import VERDICTS
from streams.kafka.topic_reader import open_reader, place_name, topic_partitions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from streams.settings.kafka import KafkaSettings


MAX_KNOWN_IDS = 100_000
"""Verdict ids remembered to drop copies; a crash's copies follow closely."""

Verdict = Mapping[str, Any]
"""One decoded verdict of the wire."""

OnUnreadable = Callable[[str], None]
"""Called with a sentence about a record that is not a verdict of our version."""


class VerdictFilter(NamedTuple):
    """Which verdicts are wanted; an empty set or None means all."""

    flows: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    run_id: str | None = None

    def matches(self, verdict: Verdict) -> bool:
        """Return True if a verdict is wanted."""
        return (
            (not self.flows or verdict["flow"] in self.flows)
            and (not self.statuses or verdict["status"] in self.statuses)
            and self.run_id in {None, verdict["run_id"]}
        )


class ReadVerdict(NamedTuple):
    """A verdict as bytes, and decoded."""

    value: bytes
    verdict: Verdict


async def follow_verdicts(
    settings: KafkaSettings,
    wanted: VerdictFilter = VerdictFilter(),  # noqa: B008 -- immutable
    *,
    from_beginning: bool = False,
    on_unreadable: OnUnreadable,
) -> AsyncGenerator[list[ReadVerdict]]:
    """Yield the verdicts that match in batches, each verdict once, without end.

    The first batch is empty: nothing that is written after it is missed.

    Raises:
        BrokerUnavailable: the broker cannot be reached.
        NoTopic: there is no verdict topic.
    """
    known = _KnownIds()
    partitions = await topic_partitions(VERDICTS, settings)
    async with open_reader(settings, following=True) as reader:
        offsets = await reader.offsets(partitions, "beginning" if from_beginning else "end")
        yield []
        async with aclosing(reader.follow(offsets)) as batches:
            async for batch in batches:
                decoded = (_decode(record, on_unreadable) for record in batch)
                yield [
                    read
                    for read in decoded
                    if read and wanted.matches(read.verdict) and known.add(read.verdict)
                ]


class _KnownIds:
    """The ids of the newest verdicts."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def add(self, verdict: Verdict) -> bool:
        """Remember a verdict; return True if it was not known."""
        verdict_id = verdict["verdict_id"]
        if verdict_id in self._ids:
            return False
        self._ids[verdict_id] = None
        if len(self._ids) > MAX_KNOWN_IDS:
            self._ids.popitem(last=False)
        return True


def _decode(record: Any, on_unreadable: OnUnreadable) -> ReadVerdict | None:
    try:
        verdict = orjson.loads(record.value)
        if verdict["v"] == VERSION:
            return ReadVerdict(record.value, verdict)
    except (orjson.JSONDecodeError, LookupError, TypeError):
        pass
    place = place_name((record.topic, record.partition), record.offset)
    on_unreadable(f"{place}: not a verdict of version {VERSION}")
    return None

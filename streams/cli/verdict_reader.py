"""Reads the verdict topic: each verdict once, filtered."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from schemas.limits import VERSION
from schemas.topics import VERDICTS
from streams.cli.kafka import FETCH_TIMEOUT_MS, reader
from streams.cli.terminal import complain

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from streams.cli.terminal import Verdict
    from streams.settings.kafka import KafkaSettings

MAX_KNOWN_IDS = 100_000
"""Verdict ids remembered to drop copies; a crash's copies follow closely."""


class Wanted(NamedTuple):
    """Which verdicts are asked for; an empty set or None asks for all."""

    flows: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    run_id: str | None = None

    def takes(self, verdict: Verdict) -> bool:
        """Tell whether a verdict is asked for."""
        return (
            (not self.flows or verdict["flow"] in self.flows)
            and (not self.statuses or verdict["status"] in self.statuses)
            and self.run_id in {None, verdict["run_id"]}
        )


class Incoming(NamedTuple):
    """A verdict as it was read, and decoded."""

    value: bytes
    verdict: Verdict


async def follow_verdicts(
    settings: KafkaSettings, wanted: Wanted, *, from_beginning: bool = False
) -> AsyncGenerator[list[Incoming]]:
    """Yield wanted verdicts in batches, each verdict once, for ever.

    The first batch is empty: from then on nothing that is written is missed.

    Raises:
        BrokerUnavailable: the broker cannot be reached.
        NoTopic: there is no verdict topic.
    """
    known: OrderedDict[str, None] = OrderedDict()
    async with reader(VERDICTS, settings, from_beginning=from_beginning) as consumer:
        yield []
        while True:
            fetched = await consumer.getmany(timeout_ms=FETCH_TIMEOUT_MS)
            decoded = (_decode(record) for batch in fetched.values() for record in batch)
            yield [
                incoming
                for incoming in decoded
                if incoming and wanted.takes(incoming.verdict) and _is_new(incoming.verdict, known)
            ]


def _decode(record: Any) -> Incoming | None:
    """Decode a record; one that is no verdict as we know them is left out, and that is said."""
    try:
        verdict = orjson.loads(record.value)
        if verdict["v"] == VERSION:
            return Incoming(record.value, verdict)
    except (orjson.JSONDecodeError, LookupError, TypeError):
        pass
    place = f"{record.topic}, partition {record.partition}, offset {record.offset}"
    complain(f"{place}: not a verdict of version {VERSION}")
    return None


def _is_new(verdict: Verdict, known: OrderedDict[str, None]) -> bool:
    verdict_id = verdict["verdict_id"]
    if verdict_id in known:
        return False
    known[verdict_id] = None
    if len(known) > MAX_KNOWN_IDS:
        known.popitem(last=False)
    return True

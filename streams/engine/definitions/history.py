"""History of one flow: what was published when, what events taught from when until when (R14, R17).

The definition that judges a run depends only on the records of the definitions topic and on the instant
at which the run opened. A learned node counts from the timestamp of its record, and for
`FORGOTTEN_AFTER_NS` after the newest record that renews it: a node that nobody sends any more is not
owed for ever.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final

from streams.engine.definitions.definition import Definition, Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.engine.definitions.node import Given

DAY_NS: Final = 86_400_000_000_000
FORGOTTEN_AFTER_NS: Final = 30 * DAY_NS
"""Time for which a learned node counts after it was last seen."""
FOREVER_NS: Final = 2**63 - 1


class LearnedNode:
    """A node as one record of the topic taught it, with the options stated beside it.

    Attributes:
        since_ns: start of its validity.
        seen_ns: timestamp of the newest record that renews it.
        node: the fields of the node, its `id` among them.
        options: the options of the flow that were stated.
    """

    __slots__ = ("node", "options", "seen_ns", "since_ns")

    # Written out: of a dataclass the compiler needs the types of fields at run time.
    def __init__(self, since_ns: int, seen_ns: int, node: Given, options: Given) -> None:
        self.since_ns = since_ns
        self.seen_ns = seen_ns
        self.node = node
        self.options = options

    @property
    def id(self) -> str:
        """Id of the node."""
        return self.node["id"]

    @property
    def ends_ns(self) -> int:
        """End of its validity."""
        return self.seen_ns + FORGOTTEN_AFTER_NS

    def is_ripe(self, now_ns: int) -> bool:
        """Return True if its record should be renewed when the node is seen."""
        return self.seen_ns + DAY_NS < now_ns < self.ends_ns


class FlowHistory:
    """Definitions of one flow, by the instant at which a run opens.

    Args:
        flow: its name.
        defaults: the worker's options.
        forgets: False if learned nodes count for ever.
    """

    def __init__(self, flow: str, defaults: Options, *, forgets: bool = True) -> None:
        self._flow = flow
        self._defaults = defaults
        self._forgets = forgets
        self._published: list[tuple[int, Definition]] = []
        self._learned: list[LearnedNode] = []
        self._bounds: list[int] = []
        self._cache: dict[int, Definition] = {}
        self.versions: dict[str, Definition] = {}

    # -- feeding -----------------------------------------------------------------------------------------------------

    def publish(self, timestamp_ns: int, definition: Definition) -> None:
        """Put a definition in force from then on."""
        insort(self._published, (timestamp_ns, definition), key=itemgetter(0))
        self._changed()
        self.keep(definition)

    def learn(self, timestamp_ns: int, node: Given, options: Given, since_ns: int | None) -> None:
        """Take a record that teaches a node, or renews what was taught at `since_ns`."""
        known = next((last for last in reversed(self._learned) if last.id == node["id"]), None)
        if since_ns is None:
            since_ns = timestamp_ns
        elif known is not None and known.since_ns == since_ns:
            known.seen_ns = max(known.seen_ns, timestamp_ns)
            self._changed()
            return
        insort(
            self._learned,
            LearnedNode(since_ns, timestamp_ns, node, options),
            key=attrgetter("since_ns"),
        )
        self._changed()

    def keep(self, definition: Definition) -> None:
        """Remember a version for the runs that are pinned to it."""
        self.versions.setdefault(definition.version, definition)

    def drop(self, version: str) -> None:
        """Forget a version that no run needs, unless it is in force."""
        if self.at(None).version == version:
            return
        self.versions.pop(version, None)
        left = [(at, one) for at, one in self._published if one.version != version]
        if len(left) < len(self._published):
            self._published = left
            self._changed()

    def unlearn(self, node: str) -> None:
        """Forget all that was ever taught of a node."""
        self._learned = [learned for learned in self._learned if learned.id != node]
        self._changed()

    # -- asking ------------------------------------------------------------------------------------------------------

    def at(self, cutoff_ns: int | None) -> Definition:
        """Return the definition in force at an instant; None stands for the newest record."""
        place = bisect_right(self._bounds, self.newest_ns if cutoff_ns is None else cutoff_ns)
        found = self._cache.get(place)
        if found is None:
            found = self._cache[place] = self._merge(self._bounds[place - 1] if place else -1)
            self.keep(found)
        return found

    @property
    def newest_ns(self) -> int:
        """Instant of the last change."""
        return max(
            self._published[-1][0] if self._published else 0,
            self._learned[-1].since_ns if self._learned else 0,
        )

    def knows(self, node: str, given: Given, options: Given, now_ns: int) -> bool:
        """Return True if all that an event states is known already."""
        newest = self.at(max(now_ns, self.newest_ns))
        known = newest.learned.get(node, {})
        return (
            node in newest.nodes
            and all(known.get(field) == value for field, value in given.items())
            and all(newest.learned_options.get(name) == value for name, value in options.items())
        )

    def learned(self) -> list[LearnedNode]:
        """Return the last record of each learned node."""
        return list({learned.id: learned for learned in self._learned}.values())

    def superseded_ns(self, version: str) -> int:
        """Return the instant after which no run opens by a version; `FOREVER_NS` if it is in force for good.

        A version that no part of the history shows was in force before a change that compaction
        removed: at the latest until the newest change.
        """
        places = [
            place for place in range(len(self._bounds) + 1) if self._version_at(place) == version
        ]
        if not places:
            return self.newest_ns
        return FOREVER_NS if places[-1] == len(self._bounds) else self._bounds[places[-1]]

    # -- inside ------------------------------------------------------------------------------------------------------

    def _version_at(self, place: int) -> str:
        return self.at(self._bounds[place - 1] if place else -1).version

    def _changed(self) -> None:
        self._cache.clear()
        self._bounds = sorted(set(self._instants()))

    def _instants(self) -> Iterator[int]:
        for timestamp_ns, _ in self._published:
            yield timestamp_ns
        for learned in self._learned:
            yield learned.since_ns
            if self._forgets:
                yield learned.ends_ns

    def _merge(self, at_ns: int) -> Definition:
        published = bisect_right(self._published, at_ns, key=itemgetter(0))
        base = (
            self._published[published - 1][1]
            if published
            else Definition(self._flow, defaults=self._defaults)
        )
        nodes: dict[str, dict[str, Any]] = {}
        options: dict[str, Any] = {}
        for learned in self._learned:
            if learned.since_ns <= at_ns and (not self._forgets or at_ns < learned.ends_ns):
                nodes.setdefault(learned.id, {}).update(learned.node)
                options.update(learned.options)
        if not nodes:
            return base
        return Definition(
            self._flow,
            published=base.published.values(),
            options=base.published_options,
            learned=nodes.values(),
            learned_options=options,
            defaults=self._defaults,
        )

"""The history of one flow: what was published when, what events taught from when until when (R14, R17).

Of what a run is judged by, everything is read from the records of the definitions topic and from the
instant at which the run opened. A lesson counts from the timestamp of its record on, and for
`FORGOTTEN_AFTER_NS` after the newest record that says it still is so: a node that nobody sends any
more is owed by nobody for ever.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final

from streams.engine.definitions.definition import Definition, Given, Options

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY_NS: Final = 86_400_000_000_000
FORGOTTEN_AFTER_NS: Final = 30 * DAY_NS
"""How long a learned node counts after it was seen last."""
FOREVER_NS: Final = 2**63 - 1


@dataclass(slots=True)
class Lesson:
    """What one record taught of a node and of the options.

    Attributes:
        since_ns: from when on it counts.
        seen_ns: timestamp of the newest record that says it still is so.
        node: the fields of the node, its `id` among them.
        options: the options of the flow, as far as stated.
    """

    since_ns: int
    seen_ns: int
    node: Given
    options: Given

    @property
    def id(self) -> str:
        """The node."""
        return self.node["id"]

    @property
    def ends_ns(self) -> int:
        """From when on it counts no more."""
        return self.seen_ns + FORGOTTEN_AFTER_NS


class Timeline:
    """What judges the runs of one flow, by when they opened.

    Args:
        flow: its name.
        defaults: the worker's options.
        forgets: whether lessons end; without it they count for ever.
    """

    def __init__(self, flow: str, defaults: Options, *, forgets: bool = True) -> None:
        self._flow = flow
        self._defaults = defaults
        self._forgets = forgets
        self._published: list[tuple[int, Definition]] = []
        self._lessons: list[Lesson] = []
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
        """Take a record that teaches a node, or that says that what was taught `since_ns` still is so."""
        known = self.lesson(node["id"])
        if since_ns is None:
            since_ns = timestamp_ns
        elif known is not None and known.since_ns == since_ns:
            known.seen_ns = max(known.seen_ns, timestamp_ns)
            self._changed()
            return
        insort(
            self._lessons, Lesson(since_ns, timestamp_ns, node, options), key=attrgetter("since_ns")
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
        self._lessons = [lesson for lesson in self._lessons if lesson.id != node]
        self._changed()

    # -- asking ------------------------------------------------------------------------------------------------------

    def at(self, cutoff_ns: int | None) -> Definition:
        """Return what is in force at an instant; None stands for the newest record."""
        place = bisect_right(self._bounds, self.newest_ns if cutoff_ns is None else cutoff_ns)
        found = self._cache.get(place)
        if found is None:
            found = self._cache[place] = self._merge(self._bounds[place - 1] if place else -1)
            self.keep(found)
        return found

    @property
    def newest_ns(self) -> int:
        """When what is published or taught changed last."""
        return max(
            self._published[-1][0] if self._published else 0,
            self._lessons[-1].since_ns if self._lessons else 0,
        )

    def knows(self, node: str, given: Given, options: Given, now_ns: int) -> bool:
        """Tell whether all of a lesson is known already."""
        newest = self.at(max(now_ns, self.newest_ns))
        known = newest.learned.get(node, {})
        return (
            node in newest.nodes
            and all(known.get(field) == value for field, value in given.items())
            and all(newest.learned_options.get(name) == value for name, value in options.items())
        )

    def lesson(self, node: str) -> Lesson | None:
        """Return what was taught of a node last."""
        return next((lesson for lesson in reversed(self._lessons) if lesson.id == node), None)

    def newest_lessons(self) -> list[Lesson]:
        """Return what was taught last of each node."""
        return list({lesson.id: lesson for lesson in self._lessons}.values())

    def superseded_ns(self, version: str) -> int:
        """Return from when on no run opens by a version: `FOREVER_NS` for what is in force for good.

        A version that no stretch of the history shows was in force before a change that compaction
        has taken: at the latest until the newest one.
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
        for lesson in self._lessons:
            yield lesson.since_ns
            if self._forgets:
                yield lesson.ends_ns

    def _merge(self, at_ns: int) -> Definition:
        published = bisect_right(self._published, at_ns, key=itemgetter(0))
        base = (
            self._published[published - 1][1]
            if published
            else Definition(self._flow, defaults=self._defaults)
        )
        nodes: dict[str, dict[str, Any]] = {}
        options: dict[str, Any] = {}
        for lesson in self._lessons:
            if lesson.since_ns <= at_ns and (not self._forgets or at_ns < lesson.ends_ns):
                nodes.setdefault(lesson.id, {}).update(lesson.node)
                options.update(lesson.options)
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

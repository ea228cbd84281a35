"""Limits, option defaults and patterns of the wire format, for field checks and models."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, get_args

VERSION: Final = 1

MAX_EVENT_BYTES: Final = 256 * 1024
MAX_EVENT_ID_CHARS: Final = 128
MAX_RUN_ID_BYTES: Final = 256
MAX_BRANCH_CHARS: Final = 128
MAX_DATA_DEPTH: Final = 254
"""Nesting of objects and lists, the outermost included: what orjson can write."""
MAX_META_DEPTH: Final = 64
"""The same for `additional_meta`, which is nested further in a definition."""

# Pattern of a flow or node id, for fullmatch. ASCII only: ids are part of topic keys, URLs and metric
# labels.
NAME_PATTERN: Final = r"[A-Za-z0-9._-]{1,128}"

EARLIEST_TS_NS: Final = 946_684_800_000_000_000
"""2000-01-01T00:00:00Z. A smaller `ts` has another unit, or comes from a clock that was never set."""

LATEST_TS_NS: Final = 2**63 - 1
"""The year 2262, the last nanosecond that 64 bits hold."""

MAX_DURATION_MS: Final = 10 * 365 * 24 * 3_600_000
"""Ten years, so that an instant plus a duration fits in 64 bits of nanoseconds."""

NodeType = Literal["act", "assert", "trigger", "generic", "hook"]
DepMode = Literal["all", "any"]

NODE_TYPES: Final[tuple[NodeType, ...]] = get_args(NodeType)
DEP_MODES: Final[tuple[DepMode, ...]] = get_args(DepMode)


class Range(NamedTuple):
    """An integer flow option: its default and the values allowed, both ends included."""

    default: int
    least: int
    most: int


OPTION_RANGES: Final[dict[str, Range]] = {
    "window_ms": Range(900_000, 0, MAX_DURATION_MS),
    "max_open_ms": Range(604_800_000, 0, MAX_DURATION_MS),
    "settle_ms": Range(5_000, 0, MAX_DURATION_MS),
    "grace_ms": Range(1_000, 1, MAX_DURATION_MS),
    "clock_tolerance_ms": Range(2_000, 0, MAX_DURATION_MS),
    "forget_after_ms": Range(3_600_000, 0, MAX_DURATION_MS),
    "max_events_per_run": Range(1_000, 1, 1_000_000),
}
"""Integer flow options; `closed` (false) is the only other one."""

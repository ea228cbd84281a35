"""The hand-written checks and the model take and refuse the same events, and read them alike."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.errors import InvalidEvent
from schemas.field_checks import TAUGHT_FIELDS
from schemas.limits import DEP_MODES, NODE_TYPES, OPTION_RANGES
from schemas.v1.event import EventModel
from schemas.wire import Event, decode_event

numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=5)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
objects = st.dictionaries(st.text(max_size=5), anything, max_size=3)

names = st.text("abcXYZ019._-", min_size=1, max_size=6) | st.sampled_from(
    ["n" * 128, "n" * 129, "a\n", "é"]
)
texts = st.text(max_size=4) | st.sampled_from(["t" * 128, "t" * 129, "ü" * 128, "𝄞" * 65, "a\0b"])
instants = st.integers(0, 2**64 - 1) | st.integers(10**18, 2 * 10**18)
durations = st.integers(-1, 10) | st.sampled_from([315_360_000_000, 315_360_000_001])
scripts = st.fixed_dictionaries(
    {}, optional={"engine": texts | scalars, "script": texts | scalars, "colour": anything}
)
conditions = st.fixed_dictionaries(
    {}, optional={"timeout_ms": durations | scalars, "colour": anything}
)
options = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(OPTION_RANGES, durations | scalars),
        "closed": scalars,
        "colour": anything,
    },
)

LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "v": st.just(1),
    "event_id": texts,
    "flow": names,
    "node": names,
    "run_id": texts,
    "ts": instants | instants.map(str),
    "data": objects,
    "type": st.sampled_from(NODE_TYPES),
    "dep_ids": st.lists(names, max_size=3),
    "dep_mode": st.sampled_from(DEP_MODES),
    "filter": scripts | st.booleans(),
    "validator": scripts,
    "conditions": st.lists(conditions, max_size=2),
    "required": st.booleans(),
    "branch": texts,
    "exclusive": st.booleans(),
    "ends_run": st.booleans(),
    "description": st.text(max_size=5),
    "additional_meta": objects,
    "options": options,
    "stamped": st.just("flush"),
    "colour": anything,
}
SOUND = {
    "event_id": "e1",
    "flow": "f",
    "node": "n",
    "run_id": "r1",
    "ts": 1_763_985_601_200_000_000,
}

# One event is sound but for a few fields, each likely, null or anything at all.
events = st.lists(st.sampled_from(sorted(LIKELY)), max_size=4, unique=True).flatmap(
    lambda fields: st.fixed_dictionaries(
        {field: LIKELY[field] | st.none() | anything for field in fields}
    ).map(lambda drawn: {**SOUND, **drawn})
)


def by_hand(value: bytes) -> Event | None:
    try:
        return decode_event(value)
    except InvalidEvent:
        return None


def by_model(value: bytes) -> Event | None:
    try:
        event = EventModel.parse(orjson.loads(value))
    except ValidationError:
        return None
    return Event(
        event.event_id,
        event.flow,
        event.node,
        event.run_id,
        event.ts,
        orjson.dumps(event.data),
        taught(event),
        (event.options.given() or None) if event.options else None,
        event.filter is False,
        event.stamped is not None,
    )


def taught(event: EventModel) -> dict[str, Any] | None:
    fields = {
        name: value
        for name, value in event.model_dump(include=set(TAUGHT_FIELDS)).items()
        if value is not None and not (name == "filter" and isinstance(value, bool))
    }
    only_a_type = set(fields) == {"type"} and event.type != "trigger"
    return None if only_a_type else fields or None


@settings(max_examples=600)
@given(events)
@example({**SOUND, "v": True})
@example({**SOUND, "v": 1.0})
@example({**SOUND, "ts": "-0"})
@example({**SOUND, "ts": "1763985601200000000\n"})
@example({**SOUND, "node": "pay\n"})
@example({**SOUND, "required": 1})
@example({**SOUND, "conditions": [{"timeout_ms": False}]})
@example({**SOUND, "filter": {"engine": "python", "script": None}})
def test_hand_written_checks_and_model_read_the_same(event: dict[str, Any]):
    value = orjson.dumps(event)
    assert by_hand(value) == by_model(value)


@settings(max_examples=300)
@given(
    st.binary(max_size=200)
    | st.text('{}[]":,0aeNI\\u', max_size=30).map(str.encode)
    | anything.map(orjson.dumps)
)
def test_no_bytes_bring_anything_but_an_event_or_a_refusal_that_fits_a_header(value: bytes):
    said = ""
    try:
        decode_event(value)
    except InvalidEvent as error:
        said = str(error)
    assert len(said.encode()) <= 2048


@settings(max_examples=200)
@given(events)
def test_data_survives_as_it_was_sent(event: dict[str, Any]):
    read = by_hand(orjson.dumps(event))
    if read is not None:
        assert orjson.loads(read.data) == (event.get("data") or {})

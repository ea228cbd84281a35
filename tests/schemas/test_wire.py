"""Decoding of events: each rule, with the place and the value in what it says."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.encoding import encode_json
from schemas.errors import InvalidEvent
from schemas.limits import MAX_EVENT_BYTES, OPTION_RANGES
from schemas.wire import Event, check_key, decode_event

TS = 1_763_985_601_200_000_000
NULL: Any = object()


def raw(**fields: Any) -> bytes:
    base = {"event_id": "e1", "flow": "checkout", "node": "pay", "run_id": "r1", "ts": TS}
    given = {name: None if value is NULL else value for name, value in fields.items()}
    return orjson.dumps({**base, **given})


def refusal(value: bytes | None) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        decode_event(value)
    return caught.value


def test_an_event_with_only_what_is_required():
    assert decode_event(raw()) == Event("e1", "checkout", "pay", "r1", TS, b"{}")


def test_data_is_kept_as_compact_json_in_its_own_order():
    assert decode_event(raw(data={"z": [1, 2.5, None], "a": "ü"})).data == (
        '{"z":[1,2.5,null],"a":"ü"}'.encode()
    )


def test_of_a_key_that_stands_twice_the_last_counts():
    twice = raw().replace(b'"node":"pay"', b'"node":"cart","node":"pay"')
    assert decode_event(twice).node == "pay"


def test_unknown_fields_are_ignored_everywhere():
    event = decode_event(
        raw(
            colour="red",
            validator={"engine": "python", "script": "True", "colour": "red"},
            conditions=[{"timeout_ms": 5, "colour": "red"}],
            options={"window_ms": 7, "colour": "red"},
        )
    )
    assert event.teaches == {
        "validator": {"engine": "python", "script": "True"},
        "conditions": [{"timeout_ms": 5}],
    }
    assert event.options == {"window_ms": 7}


@pytest.mark.parametrize("version", [2, 0, -1, "1", 1.0, True, [], {}])
def test_an_unknown_version_is_refused_before_anything_else_is_looked_at(version: object):
    error = refusal(orjson.dumps({"v": version}))
    assert (error.reason, error.path) == ("unknown_version", "v")
    assert orjson.dumps(version).decode() in error.message


@pytest.mark.parametrize("version", [1, NULL])
def test_version_one_is_known_and_the_default(version: object):
    assert decode_event(raw(v=version)) == decode_event(raw())


def test_a_record_without_a_value_is_refused():
    error = refusal(None)
    assert (error.reason, str(error)) == ("not_json", "the record has no value")


@pytest.mark.parametrize(
    "value",
    [b"", b"\xff\xfe", b"paid", b"{", b'{"a":1,}', b"{'a':1}", b"\xef\xbb\xbf{}", b"[" * 5000],
)
def test_bytes_that_are_not_json_are_refused_and_shown(value: bytes):
    error = refusal(value)
    assert (error.reason, error.path) == ("not_json", "")
    assert error.message.startswith("not JSON: ")


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_a_number_that_is_not_finite_is_named_by_its_path(number: bytes):
    value = raw(data={"items": [{"price": 1}, {"price": 2}]}).replace(b"2}]", number + b"}]")
    error = refusal(value)
    assert (error.reason, error.path) == ("not_json", "data.items[1].price")
    assert "not a finite number" in error.message


def test_a_path_through_half_a_surrogate_pair_can_be_written_to_a_header():
    error = refusal(b'{"a\\ud800": NaN}')
    assert (error.path, str(error).encode()[:4]) == ("a?", b"a?: ")


def test_a_path_is_cut():
    key = "k" * 300
    assert refusal(f'{{"{key}": NaN}}'.encode()).path == "k" * 199 + "…"


def test_bytes_that_break_off_after_a_nan_are_refused_without_a_path():
    assert refusal(b'{"a": NaN, ').path == ""


def test_nan_below_a_depth_that_python_does_not_reach_is_refused_all_the_same():
    assert refusal(b"[" * 3000 + b"NaN" + b"]" * 3000).reason == "not_json"


@pytest.mark.parametrize("value", [b"[]", b"null", b'"text"', b"17", b"true"])
def test_json_that_is_no_object_is_refused(value: bytes):
    error = refusal(value)
    assert (error.reason, error.path) == ("invalid_event", "")
    assert "must be an event, a JSON object" in error.message


def test_an_event_of_256_kib_is_taken_and_one_byte_more_is_not():
    room = MAX_EVENT_BYTES - len(raw(data={"text": ""}))
    assert decode_event(raw(data={"text": "x" * room})).node == "pay"
    error = refusal(raw(data={"text": "x" * (room + 1)}))
    assert error.reason == "too_big"
    assert error.message == "262145 bytes; an event has at most 262144 (256 KiB)"


@pytest.mark.parametrize("field", ["event_id", "flow", "node", "run_id", "ts"])
def test_a_required_field_that_is_missing_or_null_is_named(field: str):
    fields = orjson.loads(raw())
    del fields[field]
    missing, null = refusal(orjson.dumps(fields)), refusal(raw(**{field: NULL}))
    assert missing.path == null.path == field
    assert missing.message == null.message
    assert missing.message.startswith("is missing or null; it must be ")


@pytest.mark.parametrize("name", ["a", "A-Z", "0", ".", "order.placed_v2", "n" * 128])
@pytest.mark.parametrize("field", ["flow", "node"])
def test_names_that_are_accepted(field: str, name: str):
    assert getattr(decode_event(raw(**{field: name})), field) == name


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", "a/b", "a@1", "pay\n", "\npay", "é", "٣", "a\0", "n" * 129, 1, True, [], {}],
)
@pytest.mark.parametrize("field", ["flow", "node"])
def test_names_that_are_refused(field: str, name: object):
    error = refusal(raw(**{field: name}))
    assert (error.reason, error.path) == ("invalid_event", field)
    assert orjson.dumps(name).decode()[:50] in error.message


@pytest.mark.parametrize("event_id", ["e", "é" * 128, "two words\n", "\0"])
def test_event_ids_that_are_accepted(event_id: str):
    assert decode_event(raw(event_id=event_id)).event_id == event_id


@pytest.mark.parametrize("event_id", ["", "e" * 129, 7, 0, False, [], {"id": 1}])
def test_event_ids_that_are_refused(event_id: object):
    assert refusal(raw(event_id=event_id)).path == "event_id"


@pytest.mark.parametrize("run_id", ["r", "r" * 256, "ü" * 128, "€" * 85, "𝄞" * 64, "a b\n/№"])
def test_run_ids_that_are_accepted(run_id: str):
    assert decode_event(raw(run_id=run_id)).run_id == run_id


@pytest.mark.parametrize(
    "run_id", ["", "\0", "a\0b", "r" * 257, "ü" * 129, "€" * 86, "𝄞" * 65, 7, None, True, ["r"]]
)
def test_run_ids_that_are_refused(run_id: object):
    assert refusal(raw(run_id=run_id)).path == "run_id"


@pytest.mark.parametrize(
    ("ts", "expected"),
    [
        (946_684_800_000_000_000, 946_684_800_000_000_000),
        (2**63 - 1, 2**63 - 1),
        (str(TS), TS),
        ("0" + str(TS), TS),
        (str(2**63 - 1), 2**63 - 1),
    ],
)
def test_ts_that_is_accepted(ts: object, expected: int):
    assert decode_event(raw(ts=ts)).ts == expected


@pytest.mark.parametrize(
    ("ts", "unit"),
    [
        (1_763_985_601, "seconds"),
        (1_763_985_601_200, "milliseconds"),
        ("1763985601200000", "microseconds"),
        (946_684_800, "seconds"),
        (946_684_800_000, "milliseconds"),
    ],
)
def test_ts_in_another_unit_is_refused_by_the_name_of_the_unit(ts: object, unit: str):
    error = refusal(raw(ts=ts))
    assert (error.reason, error.path) == ("invalid_event", "ts")
    assert error.message == (
        f"{ts} is before the year 2000; ts is in nanoseconds since 1970, and this looks like {unit}"
    )


@pytest.mark.parametrize("ts", [0, -1, "-1", 17, 946_684_799_999_999_999])
def test_ts_before_2000_that_is_in_no_other_unit_is_refused_without_a_guess(ts: object):
    assert refusal(raw(ts=ts)).message == (
        f"{ts} is before the year 2000; ts is in nanoseconds since 1970"
    )


@pytest.mark.parametrize("ts", [2**63, 2**64 - 1, str(2**63)])
def test_ts_beyond_64_bits_is_refused(ts: object):
    assert refusal(raw(ts=ts)).message.startswith(f"{ts} is after the year 2262")


@pytest.mark.parametrize(
    "ts",
    [True, False, 1.7e18, 1_763_985_601.2, "", " 1", "1e18", "1.5", "0x1", "٣", "+1", "9" * 21,
     "2025-11-24T12:00:01Z", [TS], {"ns": TS}],
)  # fmt: skip
def test_ts_that_is_no_integer_is_refused(ts: object):
    error = refusal(raw(ts=ts))
    assert error.path == "ts"
    assert "must be an integer of nanoseconds since 1970" in error.message
    assert orjson.dumps(ts).decode() in error.message


@pytest.mark.parametrize("data", [[], "text", 1, True, 0, False])
def test_data_that_is_no_object_is_refused(data: object):
    assert refusal(raw(data=data)).path == "data"


def nested(levels: int) -> bytes:
    return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


@pytest.mark.parametrize(("field", "most"), [("data", 254), ("additional_meta", 64)])
def test_objects_are_taken_to_their_depth_and_no_deeper(field: str, most: int):
    value = raw(**{field: NULL})
    decode_event(value.replace(b"null", nested(most)))
    error = refusal(value.replace(b"null", nested(most + 1)))
    assert error.path == field
    assert f"nested at most {most} levels deep" in error.message


def test_a_value_too_deep_to_be_shown_is_refused_where_it_stands():
    error = refusal(raw(node=NULL).replace(b"null", nested(1000)))
    assert error.path == "node"
    assert error.message.endswith("got a dict that cannot be shown")


TAUGHT = {
    "type": "act",
    "dep_ids": ["cart"],
    "dep_mode": "any",
    "filter": {"engine": "cel", "script": "data.ok"},
    "validator": {"engine": "cobol", "script": ""},
    "conditions": [{"timeout_ms": 0}, {"timeout_ms": 5000}],
    "required": False,
    "branch": "payment",
    "exclusive": True,
    "ends_run": True,
    "description": "",
    "additional_meta": {"team": "payments"},
}


@pytest.mark.parametrize("field", sorted(set(TAUGHT) - {"type"}))
def test_each_field_of_a_definition_teaches(field: str):
    assert decode_event(raw(**{field: TAUGHT[field]})).teaches == {field: TAUGHT[field]}


def test_all_fields_of_a_definition_teach_together():
    assert decode_event(raw(**TAUGHT)).teaches == TAUGHT


@pytest.mark.parametrize("field", sorted(TAUGHT))
def test_null_teaches_nothing(field: str):
    assert decode_event(raw(**{field: NULL})).teaches is None


@pytest.mark.parametrize("alone", ["act", "assert", "generic", "hook"])
def test_a_type_alone_teaches_nothing(alone: str):
    assert decode_event(raw(type=alone)).teaches is None
    assert decode_event(raw(type=alone, branch=NULL)).teaches is None
    assert decode_event(raw(type=alone, filter=True)).teaches is None


def test_the_type_trigger_teaches():
    assert decode_event(raw(type="trigger")).teaches == {"type": "trigger"}
    assert decode_event(raw(type="trigger", branch=NULL)).teaches == {"type": "trigger"}


def test_a_condition_without_a_timeout_is_none():
    event = decode_event(raw(conditions=[{}, {"timeout_ms": None}]))
    assert event.teaches == {"conditions": [{"timeout_ms": 0}, {"timeout_ms": 0}]}


@pytest.mark.parametrize(("answer", "excluded"), [(False, True), (True, False)])
def test_a_literal_filter_counts_for_the_event_and_is_not_taught(answer: bool, excluded: bool):
    event = decode_event(raw(filter=answer, required=True))
    assert (event.excluded, event.teaches) == (excluded, {"required": True})


def test_an_event_is_stamped_if_it_says_flush():
    assert decode_event(raw(stamped="flush")).stamped is True
    assert decode_event(raw(stamped=NULL)).stamped is False


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"type": "step"}, "type"),
        ({"type": ["act"]}, "type"),
        ({"type": "step", "required": True}, "type"),
        ({"dep_ids": "cart"}, "dep_ids"),
        ({"dep_ids": {"cart": 1}}, "dep_ids"),
        ({"dep_ids": ["cart", None]}, "dep_ids[1]"),
        ({"dep_ids": ["cart", "a b"]}, "dep_ids[1]"),
        ({"dep_mode": "ALL"}, "dep_mode"),
        ({"dep_mode": {}}, "dep_mode"),
        ({"filter": "data.ok"}, "filter"),
        ({"filter": 0}, "filter"),
        ({"filter": {}}, "filter.engine"),
        ({"validator": False}, "validator"),
        ({"validator": []}, "validator"),
        ({"validator": {"engine": None, "script": "1"}}, "validator.engine"),
        ({"validator": {"engine": "js", "script": None}}, "validator.script"),
        ({"validator": {"engine": "js", "script": ["1"]}}, "validator.script"),
        ({"conditions": {"timeout_ms": 1}}, "conditions"),
        ({"conditions": [None]}, "conditions[0]"),
        ({"conditions": [{"timeout_ms": 1}, 5]}, "conditions[1]"),
        ({"conditions": [{"timeout_ms": -1}]}, "conditions[0].timeout_ms"),
        ({"conditions": [{"timeout_ms": True}]}, "conditions[0].timeout_ms"),
        ({"conditions": [{"timeout_ms": False}]}, "conditions[0].timeout_ms"),
        ({"conditions": [{"timeout_ms": 1.0}]}, "conditions[0].timeout_ms"),
        ({"conditions": [{"timeout_ms": "5"}]}, "conditions[0].timeout_ms"),
        ({"conditions": [{"timeout_ms": 315_360_000_001}]}, "conditions[0].timeout_ms"),
        ({"required": 1}, "required"),
        ({"required": "true"}, "required"),
        ({"branch": ""}, "branch"),
        ({"branch": "b" * 129}, "branch"),
        ({"branch": 3}, "branch"),
        ({"exclusive": 0}, "exclusive"),
        ({"ends_run": []}, "ends_run"),
        ({"description": {}}, "description"),
        ({"additional_meta": []}, "additional_meta"),
        ({"additional_meta": "team"}, "additional_meta"),
        ({"options": []}, "options"),
        ({"options": {"closed": 1}}, "options.closed"),
        ({"stamped": True}, "stamped"),
        ({"stamped": "call"}, "stamped"),
        ({"stamped": ""}, "stamped"),
    ],
)
def test_a_wrong_field_is_refused_by_its_path(fields: dict[str, Any], path: str):
    error = refusal(raw(**fields))
    assert (error.reason, error.path) == ("invalid_event", path)


def test_an_option_under_its_old_name_is_unknown_and_ignored():
    """Nothing but stored records is read by the names of before the first release."""
    assert decode_event(raw(options={"retention_ms": 5})).options is None
    options = {"retention_ms": "any", "grace_ms": 5}
    assert decode_event(raw(options=options)).options == {"grace_ms": 5}


@pytest.mark.parametrize("name", OPTION_RANGES)
def test_each_option_is_taken_within_its_range_only(name: str):
    _, least, most = OPTION_RANGES[name]
    for value in (least, most):
        assert decode_event(raw(options={name: value})).options == {name: value}
    for value in (least - 1, most + 1, float(least), str(least), True, [least]):
        error = refusal(raw(options={name: value}))
        assert error.path == f"options.{name}"
        assert f"an integer from {least} to {most}, got {orjson.dumps(value).decode()}" in (
            error.message
        )


@pytest.mark.parametrize("options", [NULL, {}, {"window_ms": None}, {"colour": "red"}])
def test_options_that_say_nothing_are_none(options: object):
    assert decode_event(raw(options=options)).options is None


def test_a_message_has_at_most_200_characters():
    error = refusal(b'{"' + b"x" * 500)
    assert len(error.message) <= 200
    assert len(InvalidEvent("too_big", "", "x" * 500).message) == 200


@pytest.mark.parametrize(
    ("key", "found"), [(None, "it has none"), (b"r2", "'r2'"), (b"\xff", "'\\ufffd'"), (b"", "''")]
)
def test_a_key_that_is_not_the_run_id_is_refused(key: bytes | None, found: str):
    with pytest.raises(InvalidEvent) as caught:
        check_key(key, "r1")
    assert caught.value.reason == "wrong_key"
    assert found in caught.value.message
    assert '"r1"' in caught.value.message


def test_the_key_is_the_run_id_in_utf_8():
    check_key("Zürich".encode(), "Zürich")


def test_json_is_written_compact_and_in_utf_8():
    assert encode_json({"a": [1, "ü"]}) == '{"a":[1,"ü"]}'.encode()

"""The worker accepts all that the SDK sends: two packages that must not import each other."""

from __future__ import annotations

import typing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka.partitioner import murmur2  # pyright: ignore[reportUnknownVariableType]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import trace

from producer_sdk import (
    FlowOptions,
    NodeCondition,
    NodeFields,
    act,
    assert_,
    bind_correlation_id,
    ensure,
    stats,
)
from producer_sdk import _config as sdk_config
from producer_sdk import _node_fields as sdk_fields
from producer_sdk import _wire as sdk_wire
from producer_sdk._capture import _outside_names as sdk_names
from producer_sdk._capture._script_source import MAX_SOURCE_CHARS
from producer_sdk._client import client
from producer_sdk._counters import Counters
from producer_sdk._guard import guard
from producer_sdk._queue import EventQueue
from producer_sdk._transport.kafka_transport import KafkaTransport
from producer_sdk._transport.overflow_report import OverflowReporter
from producer_sdk._transport.recorder import Recorder
from producer_sdk.testing import recorded
from schemas.field_checks import TAUGHT_FIELDS
from schemas.headers import CONTENT_TYPE, PRODUCED_AT, SDK
from schemas.limits import (
    MAX_BRANCH_CHARS,
    MAX_DURATION_MS,
    MAX_EVENT_BYTES,
    MAX_RUN_ID_BYTES,
    NAME_PATTERN,
    OPTION_RANGES,
    VERSION,
)
from schemas.partitioning import murmur2_partition
from schemas.topics import EVENTS
from schemas.v1.event import EventModel
from schemas.wire import Event, check_key, decode_event
from streams.engine.definitions.registry import Definitions
from streams.engine.partition import Partition
from streams.engine.records import Record as StreamRecord
from streams.engine.script_calls import ScriptCall
from streams.scripts import language as sandbox_engine
from streams.scripts.limits import Limits
from streams.scripts.python_source import rules as sandbox_rules
from streams.scripts.sandbox import ScriptSandbox
from streams.settings.kafka import KafkaSettings
from tests.producer_sdk.rules import REFUSED, TAKEN

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from typing import Literal, TypeAlias

    from producer_sdk._wire import Record

    ScriptKind: TypeAlias = Literal["validator", "filter"]


class Raw(Recorder):
    """Keeps records as bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Record] = []

    def put(self, record: Record) -> None:
        """Keep a record."""
        self.records.append(record)


@pytest.fixture
def raw() -> Generator[list[Record]]:
    """The records of the calls of a test; mistakes are counted and logged."""
    guard.reset()
    with recorded(strict=False):
        client.sink = sink = Raw()
        yield sink.records


# --- events


def decoded(record: Record) -> Event:
    """Check a record as the worker does."""
    key, value = record
    event = decode_event(value)
    check_key(key, event.run_id)
    EventModel.parse(orjson.loads(value))
    return event


def test_a_call_means_to_the_worker_what_it_says(raw: list[Record]) -> None:
    ensure(
        "pay",
        "checkout",
        "order-1",
        {"amount": 1999},
        dep_ids=["cart"],
        dep_mode="any",
        filter=lambda data, ctx: data["amount"] > 0,
        validator=lambda data, ctx: data["amount"] < 5_000,
        conditions=[NodeCondition(timeout_ms=5_000)],
        required=False,
        branch="payment",
        exclusive=True,
        ends_run=True,
        description="the card is charged",
        additional_meta={"team": "billing"},
        options={"window_ms": 60_000, "closed": True},
    )
    event = decoded(raw[0])
    assert (event.flow, event.node, event.run_id) == ("checkout", "pay", "order-1")
    assert event.data == b'{"amount":1999}'
    assert event.options == {"window_ms": 60_000, "closed": True}
    assert event.stamped is False
    taught = event.teaches
    assert taught is not None
    assert taught.keys() == set(TAUGHT_FIELDS)
    assert taught["conditions"] == [{"timeout_ms": 5_000}]
    assert taught["validator"]["engine"] == "python"


def test_the_context_of_a_call_is_declared_by_the_wire(raw: list[Record]) -> None:
    context = trace.SpanContext(0xABC, 0xDEF, is_remote=False)
    with trace.use_span(trace.NonRecordingSpan(context)), bind_correlation_id("request-7"):
        act("pay", "checkout", "order-1")
    sent = orjson.loads(raw[0][1])
    assert sent.keys() <= EventModel.model_fields.keys()
    event = EventModel.parse(sent)
    assert event.correlation_id == "request-7"
    assert event.traceparent == f"00-{0xABC:032x}-{0xDEF:016x}-00"


@pytest.mark.parametrize("given", [7, "", "two words", "x" * 129, {"id": "x"}])
def test_a_context_of_another_form_is_as_if_absent_and_costs_no_event(
    raw: list[Record], given: object
) -> None:
    act("pay", "checkout", "order-1")
    sent = orjson.loads(raw[0][1]) | {"correlation_id": given, "traceparent": given}
    assert decode_event(orjson.dumps(sent)).node == "pay"
    event = EventModel.parse(sent)
    assert (event.correlation_id, event.traceparent) == (None, None)


@pytest.mark.parametrize(("answer", "excluded"), [(False, True), (True, False)])
def test_a_literal_filter_excludes_this_event_and_teaches_nothing(
    raw: list[Record], answer: bool, excluded: bool
) -> None:
    act("a", "f", "r", filter=answer)
    event = decoded(raw[0])
    assert (event.excluded, event.teaches) == (excluded, None)


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
)
NAMES = st.text("abz.-_ ä", max_size=8)
CALLS = st.fixed_dictionaries(
    {"id": NAMES, "flow": NAMES, "run_id": st.text(max_size=80) | st.integers() | st.none()},
    optional={
        "data": st.dictionaries(st.text(), VALUES) | VALUES,
        "dep_ids": st.lists(NAMES) | VALUES,
        "dep_mode": st.sampled_from(["all", "any", "none"]),
        "conditions": st.lists(st.builds(NodeCondition, st.integers() | VALUES)) | VALUES,
        "required": st.booleans() | VALUES,
        "branch": st.text(max_size=200) | VALUES,
        "exclusive": st.booleans(),
        "ends_run": st.booleans(),
        "description": VALUES,
        "additional_meta": st.dictionaries(st.text(), VALUES) | VALUES,
        "options": st.dictionaries(
            st.sampled_from([*FlowOptions.__annotations__, "typo"]), st.integers() | st.booleans()
        )
        | VALUES,
        "filter": st.booleans() | VALUES,
        "validator": VALUES,
        "typo": VALUES,
    },
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(function=st.sampled_from([act, assert_, ensure]), call=CALLS)
def test_whatever_is_called_the_worker_takes_what_is_sent(
    raw: list[Record], function: Any, call: dict[str, Any]
) -> None:
    before = stats()
    raw.clear()
    function(**call)
    after = stats()
    for record in raw:
        decoded(record)
    refused = after.refused_invalid + after.refused_too_big
    refused -= before.refused_invalid + before.refused_too_big
    assert len(raw) + refused == 1


def test_the_biggest_event_that_is_sent_is_taken(raw: list[Record]) -> None:
    act("a", "f", "r", {"x": ""})
    room = MAX_EVENT_BYTES - len(raw[0][1])
    act("a", "f", "r", {"x": "y" * room})
    act("a", "f", "r", {"x": "y" * (room + 1)})
    assert len(raw) == 2
    assert len(raw[1][1]) == MAX_EVENT_BYTES
    decoded(raw[1])


@given(st.text(min_size=1, max_size=64))
def test_a_run_goes_to_the_partition_where_the_worker_expects_it(run_id: str) -> None:
    key = run_id.encode()
    assert (murmur2(key) & 0x7FFFFFFF) % 8 == murmur2_partition(key, 8)


def test_the_worker_takes_the_report_of_an_overflow_and_says_nothing_of_it() -> None:
    queue = EventQueue(1, 1 << 20, Counters())
    report = OverflowReporter(queue, "shop")
    assert report.report() is None
    events = [decoded(record) for record in (overflow(queue, report), overflow(queue, report))]
    event = events[0]
    assert (event.flow, event.node, event.excluded, event.teaches) == (
        "duly.sdk",
        "overflow",
        True,
        None,
    )
    assert orjson.loads(event.data) == {
        "client_id": "shop",
        "dropped_queue_full": 4,
        "dropped_spool_full": 0,
    }
    partition = Partition("flow-events.v1", 0, Definitions())
    assert events[1].run_id != event.run_id
    records = [StreamRecord(offset, item.ts, item) for offset, item in enumerate(events)]
    a_month_later = StreamRecord(2, event.ts + 30 * 86_400 * 10**9, None)
    judged = partition.judge([*records, a_month_later]).judged
    assert (judged.verdicts, judged.refused) == ([], [])


def overflow(queue: EventQueue, report: OverflowReporter) -> Record:
    """Put more into a queue for one event than there is room, and return the report of it."""
    taken = queue.take(1, 1)
    queue.settle(taken, "delivered", None)
    for _ in range(5):
        queue.put((b"order-1", b"{}"))
    record = report.report()
    assert record is not None
    assert report.report() is None
    return record


# --- facts that are written down twice


def test_the_bounds_are_the_same() -> None:
    assert sdk_wire.VERSION == VERSION
    assert sdk_wire.MAX_EVENT_BYTES == MAX_EVENT_BYTES
    assert sdk_wire.MAX_RUN_ID_BYTES == MAX_RUN_ID_BYTES
    assert sdk_wire.NAME_PATTERN == NAME_PATTERN
    assert sdk_fields.MAX_BRANCH_CHARS == MAX_BRANCH_CHARS
    assert sdk_fields.MAX_DURATION_MS == MAX_DURATION_MS


def test_the_topic_is_the_same() -> None:
    assert EVENTS.name == sdk_wire.EVENTS_TOPIC


def test_the_fields_and_flow_options_are_the_same() -> None:
    taught = set(TAUGHT_FIELDS) - {"type"}
    assert set(NodeFields.__annotations__) == {*taught, "options"}
    assert set(FlowOptions.__annotations__) == {*OPTION_RANGES, "closed"}
    assert {
        name: (bounds.least, bounds.most) for name, bounds in OPTION_RANGES.items()
    } == sdk_fields.OPTION_RANGES


def test_the_settings_that_worker_and_sdk_share_have_the_same_names() -> None:
    shared = {
        "broker",
        "topic_prefix",
        "idempotence",
        "ssl_ca",
        "sasl_mechanism",
        "sasl_username",
        "sasl_password",
        "sasl_allow_plaintext",
    }
    assert shared <= set(KafkaSettings.model_fields)
    variables = {item["env"] for item in sdk_config._SETTINGS.values()}
    assert {f"DULY_{name.upper()}" for name in shared} <= variables
    mechanisms = typing.get_args(KafkaSettings.model_fields["sasl_mechanism"].annotation)
    assert set(sdk_config.SASL_MECHANISMS) == set(typing.get_args(mechanisms[0]))


async def test_the_headers_have_the_names_of_the_wire() -> None:
    config = sdk_config.Config()
    transport = KafkaTransport(config, EventQueue(1, 1, Counters()))
    await transport.close()
    assert {name for name, _ in transport.headers()} == {
        CONTENT_TYPE,
        SDK,
        PRODUCED_AT,
    }


# --- scripts


def test_the_modules_and_builtins_of_the_sandbox_are_the_same() -> None:
    assert set(sdk_names.SANDBOX_MODULES) == sandbox_rules.MODULES
    constants = {"False", "None", "True"}
    assert sdk_names.SANDBOX_BUILTINS - constants == sandbox_rules.BUILTINS
    assert MAX_SOURCE_CHARS <= sandbox_engine.MAX_SOURCE_CHARS


@pytest.fixture
async def sandbox() -> AsyncGenerator[ScriptSandbox]:
    sandbox = ScriptSandbox(Limits(call_ms=1_000, program_ms=5_000, batch_ms=60_000))
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


def sent_script(raw: list[Record], field: ScriptKind, rule: Any) -> ScriptCall:
    """Send a rule as a filter or validator, and return a call of what arrives."""
    raw.clear()
    fields: dict[str, Any] = {field: rule}
    act("a", "f", "r", **fields)
    script = orjson.loads(raw[0][1])[field]
    return ScriptCall(script["engine"], script["script"], field, b"{}", b"{}")


async def test_scripts_mean_to_the_sandbox_what_their_functions_mean_here(
    sandbox: ScriptSandbox, raw: list[Record]
) -> None:
    calls = [sent_script(raw, "validator", rule) for rule, _, _ in TAKEN.values()]
    for outcome in ("true", "false"):
        inputs = [getattr(taken, outcome) for taken in TAKEN.values()]
        answers = await sandbox.evaluate(
            [
                replace(call, data=orjson.dumps(data))
                for call, data in zip(calls, inputs, strict=True)
            ]
        )
        others = {
            name: answer
            for name, answer in zip(TAKEN, answers, strict=True)
            if answer.outcome != outcome
        }
        assert others == {}


@pytest.mark.parametrize("field", ["validator", "filter"])
async def test_functions_that_are_not_sent_are_errors_to_the_sandbox_that_say_why(
    sandbox: ScriptSandbox, raw: list[Record], field: ScriptKind
) -> None:
    calls = [sent_script(raw, field, rule) for rule, _ in REFUSED.values()]
    answers = dict(zip(REFUSED, await sandbox.evaluate(calls), strict=True))
    assert {answer.outcome for answer in answers.values()} == {"error"}
    silent = {
        name: answers[name].detail
        for name, (_, reason) in REFUSED.items()
        if f"{field} not judged: " not in answers[name].detail or reason not in answers[name].detail
    }
    assert silent == {}

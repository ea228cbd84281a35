"""The seams to Faust and aiokafka: what we override or reach into must still be what it was.

When an upgrade fails here, read the changed method before you change the expectation: each of
these stands for a mechanism in streams/faust_batches that would fail in silence.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import aiokafka
import faust
import pytest
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.producer.message_accumulator import BatchBuilder, MessageBatch
from faust.app.base import App
from faust.stores.base import Store
from faust.tables import TableManager
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from mode import Worker as ModeWorker

from streams.faust_batches.commits import CommitsInOrder
from streams.faust_batches.consumer import BatchConsumer, BatchSchema
from streams.faust_batches.consumer_thread import BatchConsumerThread, RecordsAsParsed
from streams.faust_batches.producer import BatchProducer
from streams.faust_batches.run_table import RECOVERY_BUFFER_SIZE, RunStore, RunTable
from streams.faust_batches.runs_in_memory import RunsInMemory
from streams.faust_batches.transport import BatchTransport
from streams.faust_batches.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_version_of_faust_is_the_one_that_these_seams_were_read_in() -> None:
    assert faust.__version__ == "0.15.3"


def parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    ("base", "name", "expected"),
    [
        (Consumer, "getmany", ["self", "timeout"]),
        (Consumer, "perform_seek", ["self"]),
        (Consumer, "wait_empty", ["self"]),
        (Consumer, "on_buffer_full", ["self", "tp"]),
        (Consumer, "on_buffer_drop", ["self", "tp"]),
        (Consumer, "_getmany", ["self", "active_partitions", "timeout"]),
        (Consumer, "resume_partitions", ["self", "tps"]),
        (Consumer, "_is_changelog_tp", ["self", "tp"]),
        (Consumer, "_new_offset", ["self", "tp"]),
        (Consumer, "_add_gap", ["self", "tp", "offset_from", "offset_to"]),
        (Consumer, "commit_and_end_transactions", ["self"]),
        (driver.Consumer, "_new_consumer_thread", ["self"]),
        (driver.AIOKafkaConsumerThread, "_create_worker_consumer", ["self", "transport"]),
        (
            driver.AIOKafkaConsumerThread,
            "_fetch_records",
            ["self", "consumer", "active_partitions", "timeout", "max_records"],
        ),
        (PartitionRecords, "_consumer_record", ["self", "tp", "record"]),
        (driver.Producer, "_settings_extra", ["self"]),
        (driver.Producer, "_ensure_producer", ["self"]),
        (TableManager, "on_start", ["self"]),
        (TableManager, "_update_channels", ["self"]),
        (Store, "on_rebalance", ["self", "assigned", "revoked", "newly_assigned", "generation_id"]),
        (Store, "on_recovery_completed", ["self", "active_tps", "standby_tps"]),
        (Store, "persisted_offset", ["self", "tp"]),
        (Store, "set_persisted_offset", ["self", "tp", "offset"]),
        (faust.Table, "_new_store_by_url", ["self", "url"]),
        (faust.Schema, "loads_key", ["self", "app", "message", "loads", "serializer"]),
        (faust.Schema, "loads_value", ["self", "app", "message", "loads", "serializer"]),
        (ModeWorker, "execute_from_commandline", ["self"]),
    ],
)
def test_a_method_that_we_override_or_call_takes_what_it_took(
    base: type, name: str, expected: list[str]
) -> None:
    assert parameters(getattr(base, name)) == expected


@pytest.mark.parametrize(
    ("ours", "base", "names"),
    [
        (
            BatchConsumer,
            driver.Consumer,
            [
                "_new_consumer_thread",
                "create_topic",
                "getmany",
                "on_buffer_drop",
                "on_buffer_full",
                "perform_seek",
                "resume_partitions",
            ],
        ),
        (CommitsInOrder, driver.Consumer, ["_add_gap", "_new_offset", "wait_empty"]),
        (
            BatchConsumerThread,
            driver.AIOKafkaConsumerThread,
            ["_create_worker_consumer", "_fetch_records"],
        ),
        (RecordsAsParsed, PartitionRecords, ["__iter__", "_consumer_record"]),
        (BatchProducer, driver.Producer, ["_settings_extra", "create_topic", "flush"]),
        (BatchSchema, faust.Schema, ["loads_key", "loads_value"]),
        (BatchTransport, driver.Transport, ["Consumer", "Producer"]),
        (
            RunStore,
            Store,
            [
                "apply_changelog_batch",
                "on_rebalance",
                "on_recovery_completed",
                "persisted_offset",
                "reset_state",
                "set_persisted_offset",
            ],
        ),
        (RunsInMemory, Store, ["backup_partition", "restore_backup"]),
        (RunTable, faust.Table, ["_new_store_by_url"]),
        (Worker, faust.Worker, ["execute_from_commandline", "stop"]),
    ],
)
def test_what_we_override_is_still_there_to_be_overridden(
    ours: type, base: type, names: list[str]
) -> None:
    for name in names:
        assert name in vars(ours), f"{ours.__name__} no longer overrides {name}"
        assert hasattr(base, name), f"{base.__name__}.{name} is gone"


SOURCES: list[tuple[Any, list[str]]] = [
    # The flow is stopped for the seek because what follows it clears the stream queues.
    (
        Recovery.on_recovery_completed,
        ["consumer.perform_seek()", "self.app.flow_control.resume()", "consumer.resume_flow()"],
    ),
    # Partitions are opened by this signal, after recovery and before the flow resumes.
    (
        Recovery.on_recovery_completed,
        ["self.app.on_rebalance_complete.send()", "consumer.perform_seek()"],
    ),
    # A table with a buffer of one keeps consuming its own changelog.
    (Recovery._restart_recovery, ["recovery_buffer_size == 1", "resume_partitions"]),
    # An exception in apply_changelog_batch is swallowed, so the store keeps it.
    (
        Recovery._slurp_changelogs,
        ["table.apply_changelog_batch(buf)", "except Exception as ex:", "logger.warning("],
    ),
    # `_fetch` stands in for this: it hands on a set that changes, and sleeps for a second.
    (
        Consumer._wait_next_records,
        ["self._get_active_partitions()", "self._getmany(", "await self.sleep(1)"],
    ),
    # Without a commit a partition stays where it is: `_seek` takes it back to its beginning.
    (Consumer.perform_seek, ["await self.seek_to_committed()", "if offset is not None"]),
    # Judged work is settled before partitions are given up, and before the worker stops.
    (
        App._on_partitions_revoked,
        ["self._consumer_wait_empty", "self.on_partitions_revoked.send"],
    ),
    (App._stop_consumer, ["self._consumer_wait_empty"]),
    (App._consumer_wait_empty, ["await consumer.wait_empty()"]),
    (App.on_stop, ["self._stop_consumer()", "self.on_before_shutdown.send()"]),
    # Offsets wait in `_acked` until the next commit asks `_new_offset`.
    (Consumer.ack, ["acked_for_tp = self._acked[tp]", "acked_for_tp.append(offset)"]),
    (Consumer._commit_offsets, ["await self.app.producer.flush()", "self._commit("]),
    (Consumer._filter_committable_offsets, ["self._new_offset(tp)"]),
    # Both are set on the consumer after Faust has made it, because Faust hard-codes them.
    (
        driver.AIOKafkaConsumerThread._create_worker_consumer,
        ["fetch_max_wait_ms=1500", "isolation_level=isolation_level"],
    ),
    (
        aiokafka.AIOKafkaConsumer.start,
        ["fetch_max_wait_ms=self._fetch_max_wait_ms", "isolation_level=self._isolation_level"],
    ),
    # Fetched records are kept here, and copied one by one when they are taken out.
    (Fetcher.__init__, ["self._records = collections.OrderedDict()"]),
    (
        Fetcher._proc_fetch_request,
        ["self._records[tp] = FetchResult(", "partition_records=partition_records"],
    ),
    (FetchResult.__init__, ["self._partition_records = partition_records"]),
    (FetchResult.getall, ["for msg in self._partition_records:"]),
    (PartitionRecords.__init__, ["self._records_iterator = self._unpack_records()"]),
    (PartitionRecords._unpack_records, ["consumer_record = self._consumer_record(tp, record)"]),
    # The broker's timestamp of a clock record is known only where it stamps records.
    (MessageBatch.done, ["if timestamp == -1:", "timestamp_type = 0"]),
]


@pytest.mark.parametrize(("function", "lines"), SOURCES)
def test_the_source_that_a_mechanism_rests_on_still_reads_so(
    function: Any, lines: list[str]
) -> None:
    method = getattr(function, "fun", function)  # a mode ServiceTask wraps its method
    source = inspect.getsource(method)
    at = 0
    for line in lines:
        found = source.find(line, at)
        assert found >= 0, f"{method.__qualname__} no longer has {line!r} after the one before"
        at = found


def test_a_record_batch_takes_its_first_record_whatever_its_size() -> None:
    batch = BatchBuilder(100, 0)
    assert batch.append(timestamp=1, key=b"k", value=b"x" * 10_000, headers=[]) is not None
    assert batch.append(timestamp=1, key=b"k", value=b"x", headers=[]) is None


def test_a_record_batch_takes_a_record_of_nothing_but_headers() -> None:
    batch = BatchBuilder(100, 0)
    assert batch.append(timestamp=1, key=None, value=None, headers=[("h", b"v")]) is not None


def test_the_recovery_buffer_is_not_one() -> None:
    assert RECOVERY_BUFFER_SIZE != 1
    app = faust.App("app", store="memory://", autodiscover=False)
    assert RunTable(app, name="runs", partitions=1).recovery_buffer_size == RECOVERY_BUFFER_SIZE


def test_no_module_is_named_like_the_app_that_faust_looks_for() -> None:
    from importlib.util import find_spec

    assert find_spec("streams.app") is None


def test_the_web_pages_stay_off_whatever_fausts_command_says() -> None:
    from streams.pipeline import create_app
    from streams.settings.worker import WorkerSettings

    app = create_app(WorkerSettings())
    app.conf.web_enabled = True
    assert not app.boot_strategy._should_enable_web()

"""The whole story of a worker, top to bottom.

flow-events.v1 ──▶ judge-events ──▶ the owner of the partition ──▶ the engine
                                          │ emit, remember, commit
                    flow-verdicts.v1 ◀────┴────▶ runs changelog
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faust
from faust.types import TP

from schemas.topics import DEAD_LETTERS, DEFINITIONS, EVENTS, RUNS_CHANGELOG, VERDICTS
from streams.agents.definitions.agent import take_definitions
from streams.agents.definitions.reader import DefinitionsReader
from streams.agents.definitions.upkeep import DefinitionsKeeper
from streams.agents.events.agent import judge_events
from streams.agents.events.assigned_partitions import Owners
from streams.agents.events.outbox import Destinations
from streams.agents.events.owner import Surroundings
from streams.agents.events.owner_metrics import Meter
from streams.engine.definitions.registry import Definitions
from streams.errors import SettingsError
from streams.faust_batches.consumer import BatchSchema
from streams.faust_batches.lease import Lease
from streams.faust_batches.run_table import RunTable
from streams.faust_batches.table_manager import PromptTableManager
from streams.faust_batches.transport import (
    BatchTransport,
    batch_consumer,
    batch_producer,
)
from streams.kafka.client import client_options, faust_brokers, faust_credentials
from streams.kafka.topics import ensure_topics, full_name
from streams.log import get_logger
from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox
from streams.worker.health_page import WebPage
from streams.worker.lifecycle import Lifecycle
from streams.worker.process import Worker
from streams.worker.start_position import commit_start_position

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.kafka.rows import Appended, Row
    from streams.settings.worker import WorkerSettings

log = get_logger(__name__)

HEARTBEATS_IN_A_SESSION = 10
COMMIT_INTERVAL_S = 1.0

MAX_POLL_RECORDS = 16_000
"""Records of one fetch over all partitions; what was fetched of a partition, 1 MiB, is rarely cut in two by it. Each
batch costs its runs a state."""

STREAM_BUFFER_BATCHES = 16
PRODUCER_BATCH_BYTES = 512 * 1024
PRODUCER_TIMEOUT_S = 60.0
"""How long a write waits for a broker that is away; then the worker ends, to be restarted."""


def create_app(settings: WorkerSettings) -> faust.App:
    """Wire a worker. Nothing connects before it starts.

    Raises:
        SettingsError: TLS cannot be set up as the settings say.
    """
    meter = Meter()
    page = WebPage(meter.metrics)
    app = faust.App(settings.app_id, **_faust_options(settings, page))
    # `faust worker` sets `web_enabled` whatever we say; its pages show table contents to anyone.
    app.boot_strategy.enable_web = False
    fail = partial(_fail, app)

    # Events come in batches; what they make of a run stands in the runs table.
    events_topic = full_name(EVENTS, settings)
    events = app.topic(events_topic, schema=BatchSchema(), internal=False)
    runs = RunTable(app, name="runs", partitions=settings.partitions)
    app.tables.add(runs)

    # Runs are judged by definitions, and by the scripts in them.
    definitions = Definitions(settings.flow_options)
    reader = DefinitionsReader(
        full_name(DEFINITIONS, settings),
        definitions,
        take=take_definitions(definitions),
        connection=client_options(settings),
    )
    sandbox = create_sandbox(
        Limits(call_ms=settings.script_timeout_ms, memory_mb=settings.script_memory_mb),
        benched=lambda engine: meter.metrics.count("duly_scripts_benched_total", engine=engine),
        is_warm=True,
    )

    async def append(topic: str, partition: int, records: Iterable[Row]) -> Appended | None:
        return await batch_producer(app).append(topic, partition, records)

    keeper = DefinitionsKeeper(
        full_name(DEFINITIONS, settings), definitions, runs=runs.remembered, append=append
    )

    # Each partition that is ours has an owner, which writes only while the lease holds.
    lease = Lease(settings.session_timeout_ms)
    around = Surroundings(
        destinations=_destinations(settings),
        partitions=settings.partitions,
        can_open=reader.wait_until_can_open,
        evaluate=sandbox.evaluate,
        append=append,
        generation=lambda: app.consumer_generation_id,
        committed=lambda number: batch_consumer(app).committed(TP(events_topic, number)),
        hold=lambda number: batch_consumer(app).hold(TP(events_topic, number)),
        release=lambda number: batch_consumer(app).release(TP(events_topic, number)),
        fail=fail,
        meter=meter,
    )
    owners = Owners(runs, definitions, around, assigned=app.assignor.assigned_actives)
    app.transport = app.producer_transport = BatchTransport(
        app.conf.broker_consumer,
        app,
        lease=lease,
        settle=owners.settle,
        idempotence=settings.idempotence,
    )

    app.agent(events, name="judge-events")(judge_events(owners, fail))
    page.show(owners)
    Lifecycle(owners, reader, keeper, sandbox, lease, page, fail=fail).follow(app)
    return app


async def _prepare(settings: WorkerSettings, page: WebPage) -> None:
    """Make sure, before anything starts, that folder, port and broker are as the worker needs them."""
    _make_state_dir(settings)
    if settings.web_port:
        await page.start(settings.web_host, settings.web_port)
    await ensure_topics(settings)
    await commit_start_position(settings)


def _make_state_dir(settings: WorkerSettings) -> None:
    try:
        _state_dir(settings).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"DULY_STATE_DIR: {error}") from error


def _state_dir(settings: WorkerSettings) -> Path:
    return (settings.state_dir or Path(tempfile.gettempdir()) / "duly") / settings.app_id


def _fail(app: faust.App, error: BaseException) -> None:
    """End the worker, non-zero: what was not acknowledged is read again by the next one."""
    if not app.should_stop:
        log.critical("worker failed", exc_info=error)
    app.add_future(app.crash(error))


def _destinations(settings: WorkerSettings) -> Destinations:
    return Destinations(
        events=full_name(EVENTS, settings),
        verdicts=full_name(VERDICTS, settings),
        dead_letters=full_name(DEAD_LETTERS, settings),
        definitions=full_name(DEFINITIONS, settings),
        changelog=full_name(RUNS_CHANGELOG, settings),
    )


def _faust_options(settings: WorkerSettings, page: WebPage) -> dict[str, Any]:
    """Return how Faust is set up; what is not named here is at its default."""
    session_s = settings.session_timeout_ms / 1_000
    return {
        "TableManager": PromptTableManager,
        "Worker": partial(Worker, prepare=partial(_prepare, settings, page)),
        "autodiscover": False,
        "datadir": _state_dir(settings),
        "store": "memory://",
        # the broker and the group
        "broker": faust_brokers(settings),
        "broker_credentials": faust_credentials(settings),
        "broker_session_timeout": session_s,
        "broker_heartbeat_interval": session_s / HEARTBEATS_IN_A_SESSION,
        "broker_rebalance_timeout": settings.rebalance_timeout_ms / 1_000,
        "broker_commit_interval": COMMIT_INTERVAL_S,
        "broker_max_poll_records": MAX_POLL_RECORDS,
        "consumer_group_instance_id": settings.instance_id,
        "consumer_auto_offset_reset": "earliest",
        "stream_buffer_maxsize": STREAM_BUFFER_BATCHES,
        "stream_wait_empty": True,
        "producer_linger": 0.0,
        "producer_max_batch_size": PRODUCER_BATCH_BYTES,
        "producer_request_timeout": PRODUCER_TIMEOUT_S,
        # topics are ours to create (streams/kafka/topics.py)
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "topic_partitions": settings.partitions,
        "table_standby_replicas": 0,
    }

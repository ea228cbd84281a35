"""Pipeline of a worker: topics, table, agents, and what flows where.

    flow-definitions.v1 ──▶ reader ──▶ definitions ──┐            ┌──▶ flow-verdicts.v1
                                                     ▼            ├──▶ flow-dead-letters.v1
    flow-events.v1 ──▶ judge-events ──▶ owner of the partition ───┼──▶ runs changelog ──▶ runs table
          ▲                                 │   ▲                 └──▶ flow-definitions.v1 (learned nodes)
          └────── clock records ────────────┘   └── sandbox (scripts)

Faust decides which partitions are ours, recovers the runs table from its changelog and commits offsets. Each partition
has an owner (agents/events/owner.py), which takes a record through five steps: decode, judge, emit, remember, commit.
The engine (streams/engine) judges, and knows nothing of all this.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from streams.agents.definitions.agent import take_definitions
from streams.agents.definitions.reader import DefinitionsReader
from streams.agents.definitions.upkeep import DefinitionsUpkeep
from streams.agents.events.agent import judge_events
from streams.agents.events.assigned_partitions import AssignedPartitions
from streams.agents.events.context import Destinations, WorkerContext
from streams.agents.events.owner_metrics import OwnerMetrics
from streams.engine.definitions.registry import Definitions
from streams.faust_batches.consumer import BatchSchema
from streams.faust_batches.events_log import FaustEventsLog
from streams.faust_batches.lease import Lease
from streams.faust_batches.run_table import RunTable
from streams.faust_batches.transport import use_batch_transport
from streams.kafka.client import client_options
from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox
from streams.worker.faust_app import create_faust_app, fail_app
from streams.worker.health_page import HealthPage
from streams.worker.lifecycle import Lifecycle

if TYPE_CHECKING:
    import faust

    from streams.settings.worker import WorkerSettings


def create_app(settings: WorkerSettings) -> faust.App:
    """Wire a worker. Nothing connects before it starts.

    Raises:
        SettingsError: TLS cannot be set up as the settings say.
    """
    metrics = OwnerMetrics()
    page = HealthPage(metrics.registry)
    app = create_faust_app(settings, page)
    fail = partial(fail_app, app)
    topics = Destinations.of(settings)

    # Events come as whole batches of a partition; what they make of a run stands in the runs table.
    events = app.topic(topics.events, schema=BatchSchema(), internal=False)
    runs = RunTable(app, name="runs", partitions=settings.partitions)
    app.tables.add(runs)

    # Runs are judged by definitions, and by the scripts in them.
    definitions = Definitions(settings.flow_options)
    reader = DefinitionsReader(
        topics.definitions,
        definitions,
        take=take_definitions(definitions),
        connection=client_options(settings),
    )
    sandbox = create_sandbox(
        Limits(call_ms=settings.script_timeout_ms, memory_mb=settings.script_memory_mb),
        on_suspended=metrics.suspended_script,
        is_warm=True,
        engine_timeout_s=settings.script_engine_timeout_ms / 1_000,
    )

    # Each partition that is assigned to this worker has an owner; every batch goes to its partition's.
    log = FaustEventsLog(app, topics.events)
    context = WorkerContext(topics, settings.partitions, log, reader, sandbox, fail, metrics)
    partitions = AssignedPartitions(
        runs, definitions, context, assigned=app.assignor.assigned_actives
    )
    app.agent(events, name="judge-events")(judge_events(partitions, fail))

    # The definitions topic is kept to what runs use.
    upkeep = DefinitionsUpkeep(topics.definitions, definitions, runs=runs.remembered, appender=log)

    # Batches are fetched and written whole; nothing is written unless the lease holds.
    lease = Lease(settings.session_timeout_ms)
    use_batch_transport(app, lease=lease, drain=partitions.drain, idempotence=settings.idempotence)

    page.show(partitions)
    Lifecycle(partitions, reader, upkeep, sandbox, lease, page, fail=fail).follow(app)
    return app

"""Faust app of a worker: its options, what is checked before it starts, how it fails."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faust

from streams.errors import SettingsError
from streams.faust_batches.credentials import faust_brokers, faust_credentials
from streams.faust_batches.table_manager import PromptTableManager
from streams.faust_batches.worker import Worker
from streams.kafka.topics import ensure_topics
from streams.log import get_logger
from streams.worker.start_position import commit_start_position

if TYPE_CHECKING:
    from streams.settings.worker import WorkerSettings
    from streams.worker.health_page import HealthPage

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


def create_faust_app(settings: WorkerSettings, page: HealthPage) -> faust.App:
    """Return an app without topics, tables and agents.

    Raises:
        SettingsError: TLS cannot be set up as the settings say.
    """
    app = faust.App(settings.app_id, **_faust_options(settings, page))
    # `faust worker` sets `web_enabled` whatever we say; its pages show table contents to anyone.
    app.boot_strategy.enable_web = False
    return app


def fail_app(app: faust.App, error: BaseException) -> None:
    """End the worker, non-zero: what was not acknowledged is read again by the next one."""
    if not app.should_stop:
        log.critical("worker failed", exc_info=error)
    app.add_future(app.crash(error))


async def _prepare(settings: WorkerSettings, page: HealthPage) -> None:
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


def _faust_options(settings: WorkerSettings, page: HealthPage) -> dict[str, Any]:
    """Return the options of the app; what is not named here is at its default."""
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

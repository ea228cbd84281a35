"""Settings of the worker: those of Kafka, and what a worker alone needs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from schemas.limits import OPTION_RANGES
from streams.settings.kafka import KafkaSettings, read_environment

FLOW_OPTIONS = ("closed", *OPTION_RANGES)


def _check_start(value: str) -> str:
    if value not in {"earliest", "latest"} and _parse_time(value) is None:
        raise ValueError(
            "must be earliest, latest or a time with its offset, as 2026-01-31T12:00:00Z"
        )
    return value


def _parse_time(value: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None


def _option(name: str, description: str) -> Any:
    """Declare the worker's default of a flow option, with the range that the wire allows."""
    least, most = OPTION_RANGES[name].least, OPTION_RANGES[name].most
    return Field(default=OPTION_RANGES[name].default, ge=least, le=most, description=description)


class WorkerSettings(KafkaSettings):
    """Settings of a worker; read once, never changed."""

    # --- its place in the group
    session_timeout_ms: int = Field(
        default=10_000,
        ge=1_000,
        le=90_000,
        description="Time in ms without a heartbeat after which Kafka gives the worker's partitions "
        "to another. A worker that stood still for 0.6 of it ends itself.",
    )
    rebalance_timeout_ms: int = Field(
        default=10_000,
        ge=1_000,
        description="Time in ms that a rebalance waits for workers to join.",
    )
    instance_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,128}$",
        description="Static membership: a name of this worker that stays the same over restarts, so "
        "that it gets its partitions back without waiting for the session to end.",
    )
    start: Annotated[str, AfterValidator(_check_start)] = Field(
        default="earliest",
        description="Where a new consumer group starts to read events: `earliest`, `latest` or a "
        "time such as `2026-01-31T12:00:00Z`.",
    )
    state_dir: Path | None = Field(
        default=None,
        description="Folder for temporary files of the worker. Default: `duly` in the system's "
        "folder for temporary files.",
    )

    # --- its health page
    web_host: str = Field(
        default="127.0.0.1",
        description="Address of `/livez`, `/readyz` and `/metrics`; `0.0.0.0` in a container.",
    )
    web_port: int = Field(
        default=6066,
        ge=0,
        le=65_535,
        description="Port of these pages; 0 turns them off. Each worker of a machine needs its own.",
    )

    # --- defaults of flow options
    window_ms: int = _option(
        "window_ms", "Time in ms without a new event after which a run's window closes."
    )
    max_open_ms: int = _option(
        "max_open_ms", "Time in ms after its first event at which a run's window closes for good."
    )
    settle_ms: int = _option(
        "settle_ms",
        "Time in ms without an event before a run whose events extended its flow passes.",
    )
    grace_ms: int = _option(
        "grace_ms",
        "Time in ms that an event waits for its dependencies, and a deadline for its event.",
    )
    clock_tolerance_ms: int = _option(
        "clock_tolerance_ms", "Tolerated difference in ms between the clocks of producers."
    )
    forget_after_ms: int = _option(
        "forget_after_ms", "Time in ms for which the state of a closed run is kept."
    )
    max_events_per_run: int = _option(
        "max_events_per_run", "Maximum number of events of a run; further ones become dead letters."
    )
    closed: bool = Field(
        default=False, description="Whether a flow accepts only the nodes of its published YAML."
    )

    # --- scripts
    script_timeout_ms: int = Field(
        default=50, ge=1, le=60_000, description="Time limit in ms of one script call."
    )
    script_memory_mb: int = Field(
        default=64, ge=1, le=4_096, description="Memory limit in MiB of one script call."
    )
    script_engine_timeout_ms: int = Field(
        default=60_000,
        ge=1_000,
        le=3_600_000,
        description="Time in ms without a working script engine after which the worker ends; until "
        "then its scripts wait.",
    )

    @property
    def start_time_ms(self) -> int | None:
        """`start` in ms since 1970 if it is a time, else None."""
        time = _parse_time(self.start)
        return None if time is None else round(time.timestamp() * 1_000)

    @property
    def flow_options(self) -> dict[str, Any]:
        """The worker's defaults of all flow options, as the engine takes them."""
        return {name: getattr(self, name) for name in FLOW_OPTIONS}


def load_worker_settings() -> WorkerSettings:
    """Read the settings of a worker from the environment.

    Raises:
        SettingsError: names every variable that is wrong, and why.
    """
    return read_environment(WorkerSettings)

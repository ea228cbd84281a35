"""Every setting of the worker, declared once: environment variables with the prefix `DULY_`."""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.limits import OPTION_RANGES
from streams.errors import SettingsError

ENV_PREFIX = "DULY_"

SYSTEM_CA = "system"
"""The value of `DULY_SSL_CA` that stands for the authorities that the operating system trusts."""

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


class Settings(BaseSettings):
    """All that a worker can be told; read once, never changed."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, frozen=True, extra="forbid", env_ignore_empty=True
    )

    # --- the broker
    broker: str = Field(
        default="localhost:9092",
        pattern=r"^[^,\s]+:\d+(,[^,\s]+:\d+)*$",
        description="Kafka bootstrap servers, `host:port`, several separated by commas.",
    )
    ssl_ca: str | None = Field(
        default=None,
        description="Turns TLS on: a PEM file of certificate authorities, or `system` for those "
        "that the operating system trusts.",
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="Turns SASL on: how the worker proves who it is."
    )
    sasl_username: str | None = Field(default=None, description="The user name for SASL.")
    sasl_password: SecretStr | None = Field(default=None, description="The password for SASL.")
    sasl_allow_plaintext: bool = Field(
        default=False,
        description="Allows SASL without TLS, which shows the password to the network.",
    )
    session_timeout_ms: int = Field(
        default=10_000,
        ge=1_000,
        le=90_000,
        description="Silence in ms after which Kafka gives the worker's partitions to another; "
        "a worker that stood still for 0.6 of it stops.",
    )
    rebalance_timeout_ms: int = Field(
        default=10_000,
        ge=1_000,
        description="Time in ms that a rebalance waits for every worker to join.",
    )
    idempotence: bool = Field(
        default=True,
        description="Writes with an idempotent producer; turn it off only for a broker that has "
        "none, such as the embedded one.",
    )
    allow_create_time: bool = Field(
        default=False,
        description="Accepts topics without LogAppendTime, so that deadlines rest on the clocks "
        "of producers; for the embedded broker only.",
    )

    # --- who this worker is
    app_id: str = Field(
        default="duly",
        pattern=r"^[A-Za-z0-9._-]{1,128}$",
        description="Consumer group and name of the changelog; renaming it forgets all state.",
    )
    instance_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,128}$",
        description="Static membership: a name of this worker that survives its restart, so that "
        "it gets its partitions back without waiting for the session to end.",
    )
    start: Annotated[str, AfterValidator(_check_start)] = Field(
        default="earliest",
        description="Where a new consumer group begins to read events: `earliest`, `latest` or a "
        "time such as `2026-01-31T12:00:00Z`.",
    )
    state_dir: Path | None = Field(
        default=None,
        description="Folder for files that the worker may lose at any time; none stands for "
        "`duly` in the system's folder for temporary files.",
    )

    # --- topics
    topic_prefix: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]{0,64}$",
        description="Put before every topic name; separate tenants use separate prefixes.",
    )
    partitions: int = Field(
        default=8,
        ge=1,
        le=10_000,
        description="Partitions of events, verdicts, dead letters and changelog; fixed for a "
        "topic's life.",
    )
    replication: int = Field(
        default=-1,
        ge=-1,
        le=100,
        description="Replicas of a topic that the worker creates; -1 is the broker's default.",
    )

    # --- what it says
    web_host: str = Field(
        default="127.0.0.1",
        description="Where `/livez`, `/readyz` and `/metrics` are served; `0.0.0.0` in a container.",
    )
    web_port: int = Field(
        default=6066,
        ge=0,
        le=65_535,
        description="The port for them; 0 serves nothing. Each worker of a machine needs its own.",
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto",
        description="`json` lines, coloured `console` lines, or `auto`: console on a terminal.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least level that is logged."
    )

    # --- defaults of flow options
    window_ms: int = _option(
        "window_ms", "Time in ms without a new event after which a run's window closes."
    )
    max_open_ms: int = _option(
        "max_open_ms", "Time in ms after which a window closes whatever still comes."
    )
    settle_ms: int = _option(
        "settle_ms", "Time in ms without an event before a run that taught its flow can pass."
    )
    grace_ms: int = _option(
        "grace_ms", "Time in ms that an event waits for its dependencies to arrive."
    )
    clock_tolerance_ms: int = _option(
        "clock_tolerance_ms", "Difference in ms between the clocks of producers that is forgiven."
    )
    forget_after_ms: int = _option(
        "forget_after_ms", "Time in ms that the state of a closed run is kept."
    )
    max_events_per_run: int = _option(
        "max_events_per_run", "Events that a run takes; more are dead letters."
    )
    closed: bool = Field(
        default=False, description="Whether a flow takes only the nodes of its published YAML."
    )

    # --- scripts
    script_timeout_ms: int = Field(
        default=50, ge=1, le=60_000, description="Time in ms that one call of a script may take."
    )
    script_memory_mb: int = Field(
        default=64, ge=1, le=4_096, description="Memory in MiB that one call of a script may take."
    )

    @model_validator(mode="after")
    def _check_security(self) -> Self:
        given = (self.sasl_username, self.sasl_password, self.sasl_mechanism)
        if any(given) and not all(given):
            raise ValueError(
                "SASL needs DULY_SASL_MECHANISM, DULY_SASL_USERNAME and DULY_SASL_PASSWORD together"
            )
        if self.sasl_mechanism and self.ssl_ca is None and not self.sasl_allow_plaintext:
            raise ValueError(
                "SASL without TLS shows the password to the network: set DULY_SSL_CA, "
                "or DULY_SASL_ALLOW_PLAINTEXT=true if the network is trusted"
            )
        return self

    @model_validator(mode="after")
    def _check_replication(self) -> Self:
        if self.replication == 0:
            raise ValueError("DULY_REPLICATION must be -1 or at least 1")
        return self

    @model_validator(mode="after")
    def _check_ssl_ca(self) -> Self:
        if self.ssl_ca not in {None, SYSTEM_CA} and not Path(self.ssl_ca or "").is_file():
            raise ValueError(f"DULY_SSL_CA: there is no file {self.ssl_ca!r}")
        return self

    @property
    def start_time_ms(self) -> int | None:
        """`start` in ms since 1970 if it is a time, else None."""
        time = _parse_time(self.start)
        return None if time is None else round(time.timestamp() * 1_000)

    @property
    def flow_options(self) -> dict[str, Any]:
        """The worker's defaults of all flow options, as the engine takes them."""
        return {name: getattr(self, name) for name in FLOW_OPTIONS}

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return what TLS connections are made with, or None when TLS is off.

        Raises:
            SettingsError: the file of authorities is not PEM.
        """
        if self.ssl_ca is None:
            return None
        try:
            return ssl.create_default_context(
                cafile=None if self.ssl_ca == SYSTEM_CA else self.ssl_ca
            )
        except ssl.SSLError as error:
            raise SettingsError(
                f"DULY_SSL_CA: {self.ssl_ca} holds no certificate authority in PEM form: {error}"
            ) from error


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: names every variable that is wrong, and why.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(error))) from None


def _explain(error: ValidationError) -> list[str]:
    """Return one line for each wrong variable; the value of a secret is never shown."""
    lines: list[str] = []
    for problem in error.errors(include_url=False):
        message = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            lines.append(message)
            continue
        field = str(problem["loc"][0])
        found = "" if "password" in field else f", got {str(problem['input'])!r}"
        lines.append(f"{ENV_PREFIX}{field.upper()}: {message}{found}")
    return lines

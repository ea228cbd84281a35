"""Settings of every process that speaks Kafka: broker, names of topics and group, log.

Declared once: environment variables with the prefix `DULY_`. What only one kind of process needs stands in a file
of its own, as the worker's in `worker.py`.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.errors import SettingsError

ENV_PREFIX = "DULY_"

SYSTEM_CA = "system"
"""The value of `DULY_SSL_CA` that stands for the authorities that the operating system trusts."""


class KafkaSettings(BaseSettings):
    """Settings of every process that speaks Kafka; read once, never changed."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, frozen=True, extra="forbid", env_ignore_empty=True
    )

    # --- the broker
    broker: str = Field(
        default="localhost:9092",
        pattern=r"^[^,\s]+:\d+(,[^,\s]+:\d+)*$",
        description="Kafka bootstrap servers, `host:port`, separated by commas.",
    )
    ssl_ca: str | None = Field(
        default=None,
        description="Turns on TLS: a PEM file of certificate authorities, or `system` for those "
        "that the operating system trusts.",
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="Turns on SASL authentication with this mechanism."
    )
    sasl_username: str | None = Field(default=None, description="User name for SASL.")
    sasl_password: SecretStr | None = Field(default=None, description="Password for SASL.")
    sasl_allow_plaintext: bool = Field(
        default=False,
        description="Allows SASL without TLS, which exposes the password to the network.",
    )
    idempotence: bool = Field(
        default=True,
        description="Uses an idempotent producer. Turn it off only for a broker that does not "
        "support it, such as the embedded one.",
    )
    allow_create_time: bool = Field(
        default=False,
        description="Accepts topics without LogAppendTime, so that deadlines depend on the clocks "
        "of producers. For the embedded broker only.",
    )

    # --- names and topics
    app_id: str = Field(
        default="duly",
        pattern=r"^[A-Za-z0-9._-]{1,128}$",
        description="Consumer group, and prefix of the changelog topic. Changing it loses all state.",
    )
    topic_prefix: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]{0,64}$",
        description="Prefix of topic names; separate tenants use separate prefixes.",
    )
    partitions: int = Field(
        default=8,
        ge=1,
        le=10_000,
        description="Partitions of events, verdicts, dead letters and changelog; fixed for the "
        "life of a topic.",
    )
    replication: int = Field(
        default=-1,
        ge=-1,
        le=100,
        description="Replication factor of topics that Duly creates; -1 is the broker's default.",
    )

    # --- its log
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto",
        description="Format of log lines: `json`, coloured `console`, or `auto`: console on a terminal, else JSON.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest level that is logged."
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


S = TypeVar("S", bound=KafkaSettings)


def load_kafka_settings() -> KafkaSettings:
    """Read from the environment what every client of Kafka needs.

    Raises:
        SettingsError: names every variable that is wrong, and why.
    """
    return read_environment(KafkaSettings)


def read_environment(model: type[S]) -> S:
    """Read one kind of settings from the environment.

    Raises:
        SettingsError: names every variable that is wrong, and why.
    """
    try:
        return model()
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

"""Settings of a command that talks to Kafka, with the libraries' own logs silenced."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from streams.log import configure_logging
from streams.settings.kafka import load_kafka_settings
from streams.settings.worker import load_worker_settings

if TYPE_CHECKING:
    from streams.settings.kafka import KafkaSettings
    from streams.settings.worker import WorkerSettings


def command_settings() -> KafkaSettings:
    """Read the settings of Kafka and silence the libraries: a command reports its errors itself."""
    settings = load_kafka_settings()
    _silence_libraries(settings)
    return settings


def worker_settings() -> WorkerSettings:
    """Do as `command_settings` for a command that judges as a worker would, starts one or looks at one."""
    settings = load_worker_settings()
    _silence_libraries(settings)
    return settings


def _silence_libraries(settings: KafkaSettings) -> None:
    quiet = {"log_level": "error", "log_format": "console"}
    configure_logging(settings.model_copy(update=quiet))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

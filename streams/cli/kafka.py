"""Settings of a command that talks to Kafka, with the libraries' own logs silenced."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from streams.log import configure_logging
from streams.settings.worker import load_worker_settings

if TYPE_CHECKING:
    from streams.settings.worker import WorkerSettings


def command_settings() -> WorkerSettings:
    """Read the settings and silence the libraries: a command reports its errors itself."""
    settings = load_worker_settings()
    quiet = {"log_level": "error", "log_format": "console"}
    configure_logging(settings.model_copy(update=quiet))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return settings

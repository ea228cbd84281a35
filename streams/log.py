"""Log lines: one JSON object each, or coloured for a terminal; never a payload."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

    from streams.settings.kafka import KafkaSettings

# At debug level these print keys and values of records.
_TALKATIVE = ("aiokafka", "faust", "mode", "asyncio")

faust_logger = logging.getLogger("faust.duly")
"""For Faust's own lines about classes of ours that extend its services."""


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; fields are given as keyword arguments."""
    return structlog.stdlib.get_logger(name)


def configure_logging(settings: KafkaSettings) -> None:
    """Send the lines of this process, those of libraries too, to stderr in one format."""
    as_json = settings.log_format == "json" or (
        settings.log_format == "auto" and not sys.stderr.isatty()
    )
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        _describe_error,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(timestamp_key="ts", pad_event_to=40)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _describe_error(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by `error {type, message}` and the place where it was raised."""
    exc_info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if exc_info is True else exc_info
    if isinstance(error, tuple):
        error = error[1]  # pyright: ignore[reportUnknownVariableType]  # (type, error, traceback)
    if isinstance(error, BaseException):
        event["error"] = {"type": type(error).__name__, "message": str(error)}
        event["stack"] = "".join(traceback.format_tb(error.__traceback__))
    return event

"""The SDK's client in this process: from a call to a record in the sink."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from time import time_ns
from typing import TYPE_CHECKING, Any

from producer_sdk._config import Config, resolve
from producer_sdk._context import add_context, with_ambient_run
from producer_sdk._delivery import Delivery
from producer_sdk._errors import EventTooBig, UsageError
from producer_sdk._guard import guard
from producer_sdk._node_fields import add_fields, report_texts
from producer_sdk._redaction import open_redactor
from producer_sdk._sigterm import flush_on_sigterm
from producer_sdk._transport.null import NullSink
from producer_sdk._wire import (
    check_name,
    compact_copy,
    encode_event,
    run_key,
    run_text,
    start_event,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from producer_sdk._queue import EventQueue
    from producer_sdk._redaction.redactor import Redactor
    from producer_sdk._transport import Sink, Transport
    from producer_sdk._types import Stats

log = logging.getLogger("producer_sdk")

_NOT_INITIALIZED = "the SDK is not initialized: call initialize() first; this call sent nothing"
_MS_PER_S = 1000


class Client:
    """State of the SDK; one for each process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._config: Config | None = None
        self.redactor: Redactor | None = None
        self.sink: Sink = NullSink("ignored_not_initialized", _NOT_INITIALIZED)

    def initialize(self, arguments: Mapping[str, Any]) -> None:
        """Resolve the configuration and choose the sink.

        Args:
            arguments: settings by name; None is the same as left out.
        """
        resolved = resolve(arguments, os.environ)
        for problem in resolved.problems:
            guard.report("fields_left_out", problem.about, f"initialize(): {problem.message}")
        with self._lock:
            if self._config is not None:
                self._compare(resolved.config)
            elif resolved.obstacle is not None:
                self._refuse(resolved.obstacle)
            else:
                self._accept(resolved.config)

    def record(
        self,
        kind: str,
        node: str,
        flow: object,
        run_id: object,
        data: object,
        fields: Mapping[str, Any],
    ) -> None:
        """Encode one call as a record and pass it to the sink.

        Args:
            kind: the type of the node: act or assert.
            node: the node's id.
            flow: the flow's name; None is that of the run around the call.
            run_id: the run's id, or a function that returns it; None is that of the run around the
                call.
            data: the event's data, an object.
            fields: the definition of the node.
        """
        sink = self.sink
        if not sink.live:
            sink.ignore()
            return
        ts_ns = time_ns()
        redactor = self.redactor
        try:
            if flow is None or run_id is None:
                flow, run_id = with_ambient_run(flow, run_id)
            run = run_id if type(run_id) is str else run_text(run_id)
            if redactor is not None:
                run = redactor.run_id(run)
            key = run_key(run)
            event = start_event(kind, check_name("flow", flow), check_name("id", node), run, ts_ns)
            add_context(event)
            if fields:
                add_fields(event, fields)
            value = encode_event(event, data, report_texts)
            if redactor is not None:
                value = redactor.event(value)
        except EventTooBig as error:
            guard.report("refused_too_big", error.about, f"{error.message}; nothing was sent")
        except UsageError as error:
            guard.report("refused_invalid", error.about, f"{error.message}; nothing was sent")
        else:
            sink.put((key, compact_copy(value)))

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything recorded is delivered; return True if that was in time."""
        return self.sink.flush(timeout_s)

    def shutdown(self, timeout_s: float) -> bool:
        """Flush, end the delivery thread and ignore further calls."""
        with self._lock:
            sink = self.sink
            self._config = self.redactor = None
            self.sink = NullSink("ignored_not_initialized", _NOT_INITIALIZED)
        return sink.close(timeout_s)

    def stats(self) -> Stats:
        """Return the counts of this process."""
        return guard.counters.snapshot(self.sink.waiting())

    def after_fork(self) -> None:
        """Start afresh in a forked child: locks may be held by threads that do not exist there."""
        guard.reset()
        self._lock = threading.RLock()
        self.sink = self.sink.after_fork()

    def at_exit(self) -> None:
        """Deliver what waits before the interpreter exits."""
        config = self._config
        if config is not None:
            self.shutdown(config.exit_timeout_ms / _MS_PER_S)

    def flush_at_end(self) -> None:
        """Deliver what waits before a signal ends the process; calls may go on meanwhile."""
        config = self._config
        if config is not None:
            self.flush(config.exit_timeout_ms / _MS_PER_S)

    def _compare(self, config: Config) -> None:
        if config != self._config:
            guard.report(
                "fields_left_out",
                "initialize",
                "initialize() was called before with other settings, which stay; "
                "call shutdown() first to change them",
            )

    def _accept(self, config: Config) -> None:
        try:
            self.redactor = open_redactor(config.redact, report_texts)
        except UsageError as obstacle:
            self._refuse(obstacle)
        else:
            self._config = config
            self.sink = _open_sink(config)
            if not config.disabled:
                flush_on_sigterm(self.flush_at_end)

    def _refuse(self, obstacle: UsageError) -> None:
        log.error("nothing is sent: %s", obstacle.message)
        guard.on_error("not_delivered", f"nothing is sent: {obstacle.message}", 0)
        self.sink = NullSink("ignored_not_initialized", None)
        if guard.strict:
            raise obstacle


def _open_sink(config: Config) -> Sink:
    if config.disabled:
        return NullSink("ignored_disabled", None)
    return Delivery(config, guard.counters, _open_transport, _run_at_exit_of_multiprocessing)


def _open_transport(config: Config, queue: EventQueue) -> Transport:
    # Called by the delivery thread: neither aiokafka nor http is loaded before it is used.
    if not config.bootstrap_servers:
        from producer_sdk._transport.http_transport import HttpTransport  # noqa: PLC0415 -- see above

        return HttpTransport(config, queue)
    from producer_sdk._transport.kafka_transport import KafkaTransport  # noqa: PLC0415 -- see above

    return KafkaTransport(config, queue)


def _run_at_exit_of_multiprocessing() -> None:
    """Flush at the end of a multiprocessing child, which does not run the interpreter's exit hooks."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, client.at_exit, exitpriority=0)


client = Client()
"""The client of this process."""

atexit.register(client.at_exit)
os.register_at_fork(after_in_child=client.after_fork)

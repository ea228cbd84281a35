"""Ambient run and correlation id (contextvars)."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeAlias, TypeVar, cast

import orjson

from producer_sdk._errors import UsageError
from producer_sdk._guard import guard
from producer_sdk._wire import run_text

if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType
    from typing import Self

P = ParamSpec("P")
R = TypeVar("R")

GivenRunId: TypeAlias = (
    str
    | Callable[[], str]
    | Callable[[Any], str]
    | Callable[[Any, Any], str]
    | Callable[[Any, Any, Any], str]
    | Callable[[Any, Any, Any, Any], str]
)
"""A run id, or a function that returns it, given the decorated function's arguments.

With `Callable[..., str]`, a type checker could not infer the arguments of a lambda.
"""

_MAX_CORRELATION_ID_CHARS = 128

_is_correlation_id = re.compile(rf"[!-~]{{1,{_MAX_CORRELATION_ID_CHARS}}}").fullmatch


class _AmbientRun(NamedTuple):
    flow: object
    run_id: object


_run: ContextVar[_AmbientRun | None] = ContextVar("duly_run", default=None)
_correlation_id: ContextVar[str | None] = ContextVar("duly_correlation_id", default=None)


class RunScope:
    """Context manager and decorator returned by `run`."""

    def __init__(self, flow: object, run_id: object) -> None:
        self._flow = flow
        self._run_id = run_id
        self._tokens: list[Token[_AmbientRun | None]] = []

    def __enter__(self) -> Self:
        """Enter the run: calls inside need neither flow nor run id."""
        self._tokens.append(self._bind(()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the run."""
        _unbind(_run, self._tokens.pop())

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return a function that runs each call inside the run."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            # Between two items, the calling code would be in the run too.
            guard.report(
                "fields_left_out",
                "run",
                "run() cannot decorate a generator: use `with run(…)` inside it",
            )
            return cast("Callable[P, R]", function)
        if inspect.iscoroutinefunction(function):
            return cast("Callable[P, R]", self._around_coroutine(function))

        @functools.wraps(function)
        def in_run(*args: P.args, **kwargs: P.kwargs) -> R:
            token = self._bind(args, kwargs)
            try:
                return function(*args, **kwargs)
            finally:
                _unbind(_run, token)

        return in_run

    def _around_coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def in_run(*args: Any, **kwargs: Any) -> Any:
            token = self._bind(args, kwargs)
            try:
                return await function(*args, **kwargs)
            finally:
                _unbind(_run, token)

        return in_run

    def _bind(
        self, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
    ) -> Token[_AmbientRun | None]:
        return _run.set(_AmbientRun(self._flow, _resolved(self._run_id, args, kwargs or {})))


class CorrelationScope:
    """Context manager returned by `bind_correlation_id`; `with … as` gives the id."""

    def __init__(self, given: object) -> None:
        self._id = valid_correlation_id(given)
        self._tokens: list[Token[str | None]] = []

    def __enter__(self) -> str:
        """Bind the id and return it."""
        self._tokens.append(_correlation_id.set(self._id))
        return self._id

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore the previous id."""
        _unbind(_correlation_id, self._tokens.pop())


def valid_correlation_id(given: object) -> str:
    """Return the given id if headers and logs can carry it, else a new one."""
    if isinstance(given, str) and _is_correlation_id(given):
        return given
    return str(uuid.uuid4())


def bound_correlation_id() -> str | None:
    """Return the correlation id of events recorded here, None if there is none."""
    return _correlation_id.get()


def with_ambient_run(flow: object, run_id: object) -> tuple[Any, Any]:
    """Return flow and run id of a call; those it left out come from the run around it.

    Raises:
        UsageError: one is missing, and there is no run around the call.
    """
    around = _run.get()
    if around is not None:
        flow = around.flow if flow is None else flow
        run_id = around.run_id if run_id is None else run_id
    for name, value in (("flow", flow), ("run_id", run_id)):
        if value is None:
            raise UsageError(name, f"{name} is missing: pass it, or call inside `with run(…)`")
    return flow, run_id


def add_context(event: dict[str, Any]) -> None:
    """Add the correlation id and the current OpenTelemetry span to an event, where there are any."""
    bound = _correlation_id.get()
    if bound is not None:
        event["correlation_id"] = bound
    # If the host has not loaded OpenTelemetry, there is no current span.
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is not None:
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            flags = int(span.trace_flags)
            event["traceparent"] = f"00-{span.trace_id:032x}-{span.span_id:016x}-{flags:02x}"


def context_headers(value: bytes) -> list[tuple[str, bytes]]:
    """Return the Kafka headers for correlation id and traceparent of an event.

    Both are also fields of the event, so that they are kept wherever the event waits. Consumers that
    only route or trace read the headers.
    """
    if b'"correlation_id":' not in value and b'"traceparent":' not in value:
        return []
    event: dict[str, Any] = orjson.loads(value)
    headers = (("correlation-id", "correlation_id"), ("traceparent", "traceparent"))
    return [(header, event[name].encode()) for header, name in headers if name in event]


def _resolved(run_id: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    """Return the run id of one entry; None if its function fails, so that calls inside are refused."""
    if callable(run_id):
        try:
            return run_text(lambda: run_id(*args, **kwargs))
        except UsageError as error:
            guard.report("fields_left_out", "run_id", f"run(): {error.message}")
            return None
    return run_id


def _unbind(variable: ContextVar[Any], token: Token[Any]) -> None:
    try:
        variable.reset(token)
    except ValueError:  # left in another context, such as a generator that is closed elsewhere
        before = token.old_value
        variable.set(None if before is token.MISSING else before)

"""What calls need not repeat: the run that they are in, and what the request at hand is known by."""

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
"""A run id, or a function that returns one, of the decorated function's arguments if it has any.

`Callable[..., str]` would not tell a type checker what the arguments of a lambda are.
"""

_MAX_CORRELATION_ID_CHARS = 128

_is_correlation_id = re.compile(rf"[!-~]{{1,{_MAX_CORRELATION_ID_CHARS}}}").fullmatch


class _Run(NamedTuple):
    flow: object
    run_id: object


_run: ContextVar[_Run | None] = ContextVar("duly_run", default=None)
_correlation_id: ContextVar[str | None] = ContextVar("duly_correlation_id", default=None)


class RunScope:
    """What `run` returns: a context manager, and a decorator of functions and coroutines."""

    def __init__(self, flow: object, run_id: object) -> None:
        self._flow = flow
        self._run_id = run_id
        self._tokens: list[Token[_Run | None]] = []

    def __enter__(self) -> Self:
        """Enter the run: calls inside need no flow and no run id."""
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
        """Return a function whose calls are each in the run."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            # Between two of its items, the code around it would be in the run too.
            guard.report(
                "fields_left_out",
                "run",
                "run() cannot decorate a generator: use `with run(…)` inside of it",
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
    ) -> Token[_Run | None]:
        return _run.set(_Run(self._flow, _resolved(self._run_id, args, kwargs or {})))


class CorrelationScope:
    """What `bind_correlation_id` returns: a context manager that gives the id."""

    def __init__(self, given: object) -> None:
        self._id = usable_correlation_id(given)
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
        """Bind what was bound before."""
        _unbind(_correlation_id, self._tokens.pop())


def usable_correlation_id(given: object) -> str:
    """Return an id that headers and logs can take: what is given, or a new one."""
    if isinstance(given, str) and _is_correlation_id(given):
        return given
    return str(uuid.uuid4())


def bound_correlation_id() -> str | None:
    """Return the correlation id that events recorded here carry, None if they carry none."""
    return _correlation_id.get()


def filled(flow: object, run_id: object) -> tuple[Any, Any]:
    """Return flow and run id of a call, those that it left out taken from the run that it is in.

    Raises:
        UsageError: there is no run to take them from.
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
    """Add what the request at hand is known by, if it is, to an event."""
    bound = _correlation_id.get()
    if bound is not None:
        event["correlation_id"] = bound
    # Where the host has not loaded OpenTelemetry, there is no span to be in.
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is not None:
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            flags = int(span.trace_flags)
            event["traceparent"] = f"00-{span.trace_id:032x}-{span.span_id:016x}-{flags:02x}"


def context_headers(value: bytes) -> list[tuple[str, bytes]]:
    """Return the headers of a Kafka record that say the context of its event.

    The context is part of the event, so that it is kept wherever the event waits; consumers that
    only route or trace read it from headers.
    """
    if b'"correlation_id":' not in value and b'"traceparent":' not in value:
        return []
    event: dict[str, Any] = orjson.loads(value)
    said = (("correlation-id", "correlation_id"), ("traceparent", "traceparent"))
    return [(header, event[name].encode()) for header, name in said if name in event]


def _resolved(run_id: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    """Return the run id of one entry, None where its function fails: calls inside are refused."""
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
    except ValueError:  # left in another context, as a generator may be that is closed elsewhere
        before = token.old_value
        variable.set(None if before is token.MISSING else before)

"""Public functions of the SDK. None raises; none but `flush` and `shutdown` blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from producer_sdk._client import client
from producer_sdk._context import CorrelationScope, RunScope, bound_correlation_id
from producer_sdk._guard import guard
from producer_sdk._session import Session
from producer_sdk._types import Stats

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from producer_sdk._context import GivenRunId
    from producer_sdk._on_error import OnError
    from producer_sdk._types import Data, NodeFields, RunId, Settings


@guard(Session())
def initialize(
    bootstrap_servers: str | Sequence[str] | None = None,
    *,
    strict: bool = False,
    on_error: OnError | None = None,
    **settings: Unpack[Settings],
) -> Session:
    """Initialize the SDK. Without it, every call is a no-op, which is counted.

    Returns at once: the SDK connects to the broker at the first event and retries for as long as the
    broker is away. To change settings later, call `shutdown` first.

    Args:
        bootstrap_servers: Kafka's `host:port`, several by commas or as a list; else DULY_BROKER.
        strict: raise errors instead of counting and logging them, for the life of the process; for
            the tests of a service.
        on_error: called with a `Problem` at each loss, by the thread that notices it; it must not
            block. A later one replaces it.
        settings: see `Settings`; each can also be set by an environment variable.

    Returns:
        A context manager, sync and async, that calls `shutdown` at its end; using it is optional.
    """
    guard.strict = strict or guard.strict
    guard.on_error.function = on_error or guard.on_error.function
    client.initialize({"bootstrap_servers": bootstrap_servers, **settings})
    return Session()


@guard(None)
def ensure(
    id: str,
    flow: str | None = None,
    run_id: RunId | None = None,
    data: Data | None = None,
    **fields: Unpack[NodeFields],
) -> None:
    """Record an event of a node: an assert if it has a validator, else an act.

    The event gets its timestamp and its data is encoded before this returns. Another thread sends it.

    Args:
        id: the node, of the characters A-Z a-z 0-9 . _ -
        flow: the flow, of the same characters; by default that of the `run` around the call.
        run_id: which execution of the flow; a function is called now, in this thread. By default
            that of the `run` around the call.
        data: the event's data: a dict, a dataclass or a pydantic model.
        fields: the definition of the node, see `NodeFields`.
    """
    kind = "assert" if fields.get("validator") is not None else "act"
    client.record(kind, id, flow, run_id, data, fields)


@guard(None)
def act(
    id: str,
    flow: str | None = None,
    run_id: RunId | None = None,
    data: Data | None = None,
    **fields: Unpack[NodeFields],
) -> None:
    """Record that something was done; takes the arguments of `ensure`."""
    client.record("act", id, flow, run_id, data, fields)


@guard(None)
def assert_(
    id: str,
    flow: str | None = None,
    run_id: RunId | None = None,
    data: Data | None = None,
    **fields: Unpack[NodeFields],
) -> None:
    """Record a fact to check, usually with `validator=`; takes the arguments of `ensure`."""
    client.record("assert", id, flow, run_id, data, fields)


@guard(RunScope(None, None))
def run(flow: str, run_id: GivenRunId) -> RunScope:
    """Set the flow and run id of the calls inside.

    A context manager, `with run("checkout", order.id):`, and a decorator of functions and
    coroutines, `@run("checkout", run_id=lambda order: order.id)`.

    Args:
        flow: the flow.
        run_id: which execution of it. A function is called once at each entry: by `with` without
            arguments, by the decorator with those of the decorated function.
    """
    return RunScope(flow, run_id)


@guard(CorrelationScope(None))
def bind_correlation_id(correlation_id: str | None = None) -> CorrelationScope:
    """Return a context manager that sets the correlation id of the events inside.

    Args:
        correlation_id: 1 to 128 visible ASCII characters; anything else is replaced by a new id.
            `with … as` returns it.
    """
    return CorrelationScope(correlation_id)


@guard(cast("str | None", None))
def correlation_id() -> str | None:
    """Return the correlation id of events recorded here, None if there is none."""
    return bound_correlation_id()


@guard(fallback=False)
def flush(timeout: float = 5.0) -> bool:
    """Wait until the broker has acknowledged everything recorded so far.

    Args:
        timeout: seconds to wait at most.

    Returns:
        True if everything recorded before was acknowledged in time.
    """
    return client.flush(timeout)


@guard(fallback=False)
def shutdown(timeout: float = 5.0) -> bool:
    """Flush, and end the SDK's thread; later calls are no-ops until the next `initialize`.

    Args:
        timeout: seconds to wait at most for deliveries; the events that remain are dropped and
            counted.

    Returns:
        True if everything was delivered.
    """
    return client.shutdown(timeout)


@guard(Stats())
def stats() -> Stats:
    """Return the counts of this process: what happened to its calls and events."""
    return client.stats()

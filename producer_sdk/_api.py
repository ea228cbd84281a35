"""The public functions. Each is guarded: none raises, and but for `flush` and `shutdown` none waits."""

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
    """Make the SDK ready; without it, every call is a no-op that is counted.

    Returns at once: the broker is connected to at the first event, and tried again for as long as
    it is away. Once initialized, other settings need a `shutdown` first.

    Args:
        bootstrap_servers: Kafka's `host:port`, several by commas or as a list; else DULY_BROKER.
        strict: raise what would be counted and logged, for the life of the process; for the tests
            of a service.
        on_error: called with a `Problem` at each loss, by whichever thread notices; it must not
            wait. One given later replaces it.
        settings: see `Settings`; each can be set by an environment variable too.

    Returns:
        A context manager, sync and async, whose end is a `shutdown`; nobody has to use it.
    """
    guard.strict = strict or guard.strict
    guard.tell.function = on_error or guard.tell.function
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
    """Record that a node of a flow happened, an assert if it has a validator and else an act.

    The event is stamped and its data written out before this returns. It is sent by another
    thread.

    Args:
        id: the node, of the characters A-Z a-z 0-9 . _ -
        flow: the flow, of the same characters; inside of `run`, that of the run.
        run_id: which execution of the flow; a function is called now, in this thread. Inside of
            `run`, that of the run.
        data: what happened: a dict, a dataclass or a pydantic model.
        fields: what to say of the node, see `NodeFields`.
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
    """Record that something was done; takes what `ensure` takes."""
    client.record("act", id, flow, run_id, data, fields)


@guard(None)
def assert_(
    id: str,
    flow: str | None = None,
    run_id: RunId | None = None,
    data: Data | None = None,
    **fields: Unpack[NodeFields],
) -> None:
    """Record that something must hold; takes what `ensure` takes, usually with `validator=`."""
    client.record("assert", id, flow, run_id, data, fields)


@guard(RunScope(None, None))
def run(flow: str, run_id: GivenRunId) -> RunScope:
    """Name the run that calls belong to, so that they need not.

    A context manager, `with run("checkout", order.id):`, and a decorator of functions and
    coroutines, `@run("checkout", run_id=lambda order: order.id)`.

    Args:
        flow: the flow.
        run_id: which execution of it. A function is called once at each entry: without arguments
            by `with`, with the arguments of the decorated function by a decorator.
    """
    return RunScope(flow, run_id)


@guard(CorrelationScope(None))
def bind_correlation_id(correlation_id: str | None = None) -> CorrelationScope:
    """Make a context manager inside of which events carry a correlation id.

    Args:
        correlation_id: 1 to 128 visible ASCII characters; whatever else is given, a new one is
            made. `with … as` tells it.
    """
    return CorrelationScope(correlation_id)


@guard(cast("str | None", None))
def correlation_id() -> str | None:
    """Return the correlation id that events recorded here carry, None if they carry none."""
    return bound_correlation_id()


@guard(fallback=False)
def flush(timeout: float = 5.0) -> bool:
    """Wait until all that was recorded is acknowledged by the broker.

    Args:
        timeout: seconds to wait at most.

    Returns:
        Whether nothing that was recorded before waits any more.
    """
    return client.flush(timeout)


@guard(fallback=False)
def shutdown(timeout: float = 5.0) -> bool:
    """Flush, and end the SDK's thread; later calls are no-ops until `initialize` is called again.

    Args:
        timeout: seconds to wait at most for events that are not yet delivered; what remains is
            counted and given up.

    Returns:
        Whether all was delivered.
    """
    return client.shutdown(timeout)


@guard(Stats())
def stats() -> Stats:
    """Return what became of the calls of this process."""
    return client.stats()

"""The public functions. Each is guarded: none raises, and but for `flush` and `shutdown` none waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producer_sdk._client import client
from producer_sdk._guard import guard
from producer_sdk._types import Stats

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from producer_sdk._types import Data, NodeFields, RunId, Settings


@guard(None)
def initialize(
    bootstrap_servers: str | Sequence[str] | None = None,
    *,
    strict: bool = False,
    **settings: Unpack[Settings],
) -> None:
    """Make the SDK ready; without it, every call is a no-op that is counted.

    Returns at once: the broker is connected to at the first event, and tried again for as long as
    it is away. Once initialized, other settings need a `shutdown` first.

    Args:
        bootstrap_servers: Kafka's `host:port`, several by commas or as a list; else DULY_BROKER.
        strict: raise what would be counted and logged, for the life of the process; for the tests
            of a service.
        settings: see `Settings`; each can be set by an environment variable too.
    """
    guard.strict = strict or guard.strict
    client.initialize({"bootstrap_servers": bootstrap_servers, **settings})


@guard(None)
def ensure(
    id: str,
    flow: str,
    run_id: RunId,
    data: Data | None = None,
    **fields: Unpack[NodeFields],
) -> None:
    """Record that a node of a flow happened, an assert if it has a validator and else an act.

    The event is stamped and its data written out before this returns. It is sent by another
    thread.

    Args:
        id: the node, of the characters A-Z a-z 0-9 . _ -
        flow: the flow, of the same characters.
        run_id: which execution of the flow; a function is called now, in this thread.
        data: what happened: a dict, a dataclass or a pydantic model.
        fields: what to say of the node, see `NodeFields`.
    """
    kind = "assert" if fields.get("validator") is not None else "act"
    client.record(kind, id, flow, run_id, data, fields)


@guard(None)
def act(
    id: str,
    flow: str,
    run_id: RunId,
    data: Data | None = None,
    **fields: Unpack[NodeFields],
) -> None:
    """Record that something was done; takes what `ensure` takes."""
    client.record("act", id, flow, run_id, data, fields)


@guard(None)
def assert_(
    id: str,
    flow: str,
    run_id: RunId,
    data: Data | None = None,
    **fields: Unpack[NodeFields],
) -> None:
    """Record that something must hold; takes what `ensure` takes, usually with `validator=`."""
    client.record("assert", id, flow, run_id, data, fields)


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

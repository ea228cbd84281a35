"""Leaves the consumer group at an orderly stop, under a static name too; after a crash its session ends first.

A static member (`DULY_INSTANCE_ID`) keeps its partitions while it is away, so that a crashed worker
finds them again when it is restarted. aiokafka lets it keep them through an orderly stop too. Then
nobody judges them until the process is up again, some seconds; the group would have given them to
another worker in a tenth of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import faust


def leave_group_at_stop(app: faust.App) -> None:
    """Let the consumer of a stopping worker tell the group that it leaves, be it static or not.

    It leaves as it closes, after its last commit. aiokafka has no setting for it: it leaves if the
    member has no name at that moment. The broker knows the member by its id all the same.
    """
    thread: Any = getattr(app.consumer, "_thread", None)
    consumer = getattr(thread, "_consumer", None)
    if consumer is not None:  # the worker got as far as to have one
        vars(consumer._coordinator).update(_group_instance_id=None)  # noqa: SLF001

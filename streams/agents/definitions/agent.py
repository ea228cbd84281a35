"""Adds each record of the definitions topic to the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.errors import InvalidDefinition
from streams.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.engine.definitions.registry import Definitions

log = get_logger(__name__)


def take_definitions(definitions: Definitions) -> Callable[[bytes | None, bytes | None, int], None]:
    """Return a function that adds a record (key, value, timestamp in ns) to the registry.

    A record that is not a definition is skipped with a warning: `duly flow apply` refuses such
    records, so it comes from elsewhere, and it must not stop every worker at every start.
    """

    def take(key: bytes | None, value: bytes | None, timestamp_ns: int) -> None:
        try:
            definitions.add(key or b"", value, timestamp_ns)
        except InvalidDefinition as error:
            log.warning(
                "definition refused", key=(key or b"").decode(errors="replace"), exc_info=error
            )

    return take

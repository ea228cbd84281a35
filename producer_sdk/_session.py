"""Context manager returned by `initialize`: shuts the SDK down at its end."""

from __future__ import annotations

from typing import Self

from producer_sdk._client import client
from producer_sdk._guard import guard


class Session:
    """Context manager for `with initialize(…):` and `async with initialize(…):`.

    At its end the SDK delivers what was recorded, for up to `exit_timeout_ms`, and is shut down for
    the whole process.
    """

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Shut down."""
        _shut_down()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Shut down without blocking other tasks."""
        import asyncio  # noqa: PLC0415 -- loaded by whoever runs a coroutine

        await asyncio.to_thread(_shut_down)


@guard(None)
def _shut_down() -> None:
    client.at_exit()

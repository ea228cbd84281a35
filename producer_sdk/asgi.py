"""ASGI middleware (Starlette, FastAPI): a correlation id for each request.

app.add_middleware(CorrelationIdMiddleware)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from producer_sdk._context import CorrelationScope

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADER = b"x-correlation-id"

_ANSWERS = ("http.response.start", "websocket.accept")


class CorrelationIdMiddleware:
    """Binds the `X-Correlation-ID` of each request, or a new id, and returns it in the response.

    Args:
        app: the application to wrap.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        with CorrelationScope(_header(scope)) as correlation_id:

            async def send_with_id(message: Message) -> None:
                if message["type"] in _ANSWERS:
                    others = [item for item in message.get("headers", ()) if not _is_ours(item)]
                    message["headers"] = [*others, (HEADER, correlation_id.encode())]
                await send(message)

            await self._app(scope, receive, send_with_id)


def _header(scope: Scope) -> str | None:
    found = [value for name, value in scope["headers"] if name.lower() == HEADER]
    return found[0].decode("latin-1") if found else None


def _is_ours(item: Any) -> bool:
    return bytes(item[0]).lower() == HEADER


__all__ = ["CorrelationIdMiddleware"]

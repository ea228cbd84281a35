"""WSGI middleware (Flask, Django): a correlation id for each request.

app.wsgi_app = CorrelationIdMiddleware(app.wsgi_app)
"""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Any

from producer_sdk._context import CorrelationScope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

HEADER = "X-Correlation-ID"
_VARIABLE = "HTTP_X_CORRELATION_ID"


class CorrelationIdMiddleware:
    """Binds the `X-Correlation-ID` of each request, or a new id, and returns it in the response.

    Args:
        app: the application to wrap.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        scope = CorrelationScope(environ.get(_VARIABLE))
        # A body may be produced after this returns, so it gets a context of its own.
        context = contextvars.copy_context()
        correlation_id = context.run(scope.__enter__)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            others = [(name, value) for name, value in headers if name.lower() != HEADER.lower()]
            return start_response(status, [*others, (HEADER, correlation_id)], exc_info)

        return _Body(context.run(self._app, environ, start), context)


class _Body:
    """Iterates over a response body in the context of its request."""

    def __init__(self, pieces: Iterable[bytes], context: contextvars.Context) -> None:
        self._pieces = pieces
        self._iterator: Iterator[bytes] = context.run(iter, pieces)
        self._context = context

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._context.run(next, self._iterator)

    def close(self) -> None:
        """Close the application's iterable, as the WSGI specification requires."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            self._context.run(close)


__all__ = ["CorrelationIdMiddleware"]

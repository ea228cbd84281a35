"""A service under gunicorn: it records one event for each request, named by the path."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from producer_sdk import act, initialize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

initialize()  # with --preload, before the workers are forked


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Record a request, and answer with the process that did so."""
    act(environ["PATH_INFO"].strip("/"), "checkout", "order-1")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getpid()]


application: Callable[..., Iterable[bytes]] = app

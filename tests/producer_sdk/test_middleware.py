"""Web applications: each request has a correlation id, from its header or a new one."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import httpx
import pytest

from producer_sdk import act, asgi, correlation_id, wsgi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.producer_sdk.conftest import Recording

HEADER = "X-Correlation-ID"


# --- ASGI


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await send({"type": "lifespan.startup.complete"})
        return
    act("a", "f", "r")
    kind = "http.response" if scope["type"] == "http" else "websocket"
    if kind == "websocket":
        await send({"type": "websocket.accept"})
        return
    headers = [(b"content-type", b"text/plain"), (b"X-Correlation-Id", b"the app's")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": str(correlation_id()).encode()})


async def get_asgi(**headers: str) -> httpx.Response:
    app: Any = asgi.CorrelationIdMiddleware(asgi_app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        return await http.get("/", headers=headers)


async def test_asgi_takes_the_id_of_the_request_and_returns_it(events: Recording) -> None:
    response = await get_asgi(**{"x-correlation-id": "request-7"})
    assert response.text == response.headers[HEADER] == events[0]["correlation_id"] == "request-7"
    assert response.headers["content-type"] == "text/plain"
    assert correlation_id() is None


@pytest.mark.parametrize("given", [None, "a b"])
async def test_asgi_makes_an_id_where_none_can_be_used(
    events: Recording, given: str | None
) -> None:
    response = await get_asgi(**({} if given is None else {HEADER: given}))
    assert uuid.UUID(response.headers[HEADER]).version == 4
    assert response.text == response.headers[HEADER] == events[0]["correlation_id"]


@pytest.mark.parametrize(("kind", "sent"), [("websocket", 1), ("lifespan", 0)])
async def test_asgi_answers_websockets_too_and_leaves_the_rest_alone(
    events: Recording, kind: str, sent: int
) -> None:
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    async def receive() -> Any:
        raise AssertionError

    scope = {"type": kind, "headers": [(b"x-correlation-id", b"request-7")]}
    await asgi.CorrelationIdMiddleware(asgi_app)(scope, receive, send)
    assert [message.get("headers") for message in messages] == (
        [[(b"x-correlation-id", b"request-7")]] if kind == "websocket" else [None]
    )
    assert len(events) == sent


# --- WSGI


def wsgi_app(environ: Any, start_response: Any) -> Iterator[bytes]:
    """Make the body piece by piece, after the call has returned."""
    start_response("200 OK", [("Content-Type", "text/plain"), (HEADER.upper(), "the app's")])
    act("a", "f", "r")
    yield str(correlation_id()).encode()
    act("b", "f", "r")
    yield b""


def get_wsgi(given: str | None) -> tuple[dict[str, str], bytes]:
    environ: dict[str, Any] = {"QUERY_STRING": ""}
    if given is not None:
        environ["HTTP_X_CORRELATION_ID"] = given
    setup_testing_defaults(environ)
    answered: list[dict[str, str]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        answered.append(dict(headers))
        return answered.clear

    app: Any = validator(wsgi.CorrelationIdMiddleware(wsgi_app))
    pieces = app(environ, start_response)
    try:
        body = b"".join(pieces)
    finally:
        pieces.close()
    return answered[0], body


def test_wsgi_takes_the_id_of_the_request_and_returns_it(events: Recording) -> None:
    headers, body = get_wsgi("request-7")
    assert headers == {"Content-Type": "text/plain", HEADER: "request-7"}
    assert body == b"request-7"
    assert [event["correlation_id"] for event in events] == ["request-7"] * 2
    assert correlation_id() is None


@pytest.mark.parametrize("given", [None, "a b"])
def test_wsgi_makes_an_id_where_none_can_be_used(events: Recording, given: str | None) -> None:
    headers, body = get_wsgi(given)
    assert uuid.UUID(headers[HEADER]).version == 4
    assert body.decode() == headers[HEADER] == events[0]["correlation_id"]

"""A server that takes `POST /v1/events-batch` as Business-Use 0.7.0 does, and nothing else."""

from __future__ import annotations

import http.server
import threading
from collections import deque
from typing import Any, Self, cast

import orjson

API_KEY = "the-key"
_TYPES = {"generic", "trigger", "act", "assert", "hook"}
_TEXTS = ("flow", "id", "run_id")


class ContractServer:
    """Takes batches in a thread; a body, header or item that breaks the contract is refused.

    Attributes:
        batches: the items of each batch that was taken.
        requests: how many requests came.
        answers: statuses for the next requests, before any is judged by its content; a batch that
            is answered so is not taken.
    """

    def __init__(self, port: int = 0) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.requests = 0
        self.answers: deque[tuple[int, bytes]] = deque()
        self.headers: dict[str, str] = {}
        self.names_positions = True
        self.max_bytes = 1 << 20
        self.keeps_connections = True
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def events(self) -> list[dict[str, Any]]:
        """All items that were taken, in order."""
        return [item for batch in self.batches for item in batch]

    def nodes(self) -> list[str]:
        """Return the nodes of all items, in order."""
        return [item["id"] for item in self.events]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Judge one request."""
        self.requests += 1
        self.headers = headers
        if self.answers:
            return self.answers.popleft()
        if path != "/v1/events-batch":
            return 404, b"{}"
        if "x-api-key" not in headers:
            return 401, b"{}"
        if headers["x-api-key"] != API_KEY:
            return 403, b"{}"
        if len(body) > self.max_bytes:
            return 413, b"{}"
        return self._take(headers, body)

    def _take(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        items: Any = orjson.loads(body)
        if headers.get("content-type") != "application/json" or not isinstance(items, list):
            return 422, orjson.dumps({"detail": [{"loc": ["body"], "msg": "not a list"}]})
        listed = cast("list[dict[str, Any]]", items)
        wrong = [(index, field) for index, item in enumerate(listed) for field in _wrong(item)]
        if wrong:
            named = [{"loc": ["body", index, field], "msg": "bad"} for index, field in wrong]
            return 422, orjson.dumps({"detail": named if self.names_positions else "bad"})
        self.batches.append(listed)
        return 200, b'{"status":"success","message":"Ok"}'


def _wrong(item: dict[str, Any]) -> list[str]:
    """Return the fields of an item that are not as the contract has them."""
    wrong = [name for name in _TEXTS if not isinstance(item.get(name), str)]
    if item.get("type") not in _TYPES:
        wrong.append("type")
    if not isinstance(item.get("data"), dict) or item.get("data", {}).get("poison"):
        wrong.append("data")
    if type(item.get("ts")) is not int or not 0 <= item["ts"] < 2**63:
        wrong.append("ts")
    for kind in ("filter", "validator"):
        script = item.get(kind)
        if script is not None and (
            not isinstance(script, dict) or set(cast("Any", script)) != {"engine", "script"}
        ):
            wrong.append(kind)
    if not all(isinstance(dep, str) for dep in cast("list[object]", item.get("dep_ids") or [])):
        wrong.append("dep_ids")
    return wrong


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


def _handler(server: ContractServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = server.answer(self.path, headers, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            # Without a word, as servers do to a connection that was idle.
            self.close_connection = not server.keeps_connections

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Keep quiet."""

    return Handler

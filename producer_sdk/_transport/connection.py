"""One HTTP connection that is kept, and opened again when the server has closed it."""

from __future__ import annotations

import contextlib
import http.client
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from producer_sdk._transport.security import server_context

if TYPE_CHECKING:
    from producer_sdk._config import Config

_TIMEOUT_S = 10.0
_MAX_ANSWER_BYTES = 256 * 1024


class Answer(NamedTuple):
    """What a server answered.

    Attributes:
        status: the status code.
        body: the first 256 KiB of it.
        retry_after_s: seconds that it asks to wait, 0 if it does not.
    """

    status: int
    body: bytes
    retry_after_s: float


class Connection:
    """Posts to one server; waits for each answer.

    Args:
        config: names the server, its key and its authorities.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._url = urlsplit(config.url)
        self._http: http.client.HTTPConnection | None = None

    def post(self, route: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Post a body and return the answer.

        Raises:
            OSError, http.client.HTTPException: the server cannot be reached or does not answer.
            UsageError: the authorities of `ssl_ca` cannot be read.
        """
        kept = self._http is not None
        try:
            return self._post(route, body, headers)
        except (ConnectionError, http.client.BadStatusLine):
            self.close()
            if not kept:
                raise
        except BaseException:
            self.close()
            raise
        # The server closes connections that were idle, at any time; that is no failure of it. The new one
        # is closed, too, if it fails: no late answer is ever read as that to the next post.
        return self.post(route, body, headers)

    def close(self) -> None:
        """Close the connection; the next post opens another one."""
        connection, self._http = self._http, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()

    def _post(self, route: str, body: bytes, headers: dict[str, str]) -> Answer:
        if self._http is None:
            self._http = self._open()
        path = self._url.path.rstrip("/") + route
        self._http.request("POST", path, body, headers)
        response = self._http.getresponse()
        answer = response.read(_MAX_ANSWER_BYTES)
        if not response.isclosed():  # there is more, which would stand before the next answer
            self.close()
        return Answer(response.status, answer, _seconds(response.headers.get("Retry-After")))

    def _open(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            context = server_context(self._config.ssl_ca)
            return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=context)
        return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isdecimal() else 0.0

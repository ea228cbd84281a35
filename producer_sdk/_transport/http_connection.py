"""Persistent HTTP connection, reopened when the server has closed it."""

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
    """A response of the server.

    Attributes:
        status: the status code.
        body: the first 256 KiB of the body.
        retry_after_s: seconds of its `Retry-After`, 0 if it has none.
    """

    status: int
    body: bytes
    retry_after_s: float


class Connection:
    """Posts to one server and waits for each response.

    Args:
        config: address, API key and certificate authorities.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._url = urlsplit(config.url)
        self._http: http.client.HTTPConnection | None = None

    def post(self, route: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Post a body and return the response.

        Raises:
            OSError, http.client.HTTPException: the server cannot be reached or does not respond.
            UsageError: the file of `ssl_ca` cannot be read.
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
        # The server may close an idle connection at any time; that is not a failure. If the new one fails, it is
        # closed too: no late answer is ever read as that to the next request.
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
        if not response.isclosed():  # the rest would be read as part of the next response
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

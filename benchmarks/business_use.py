"""The SDK of Business-Use beside ours, where it is installed: `pip install business-use==0.4.1`."""

from __future__ import annotations

import contextlib
import http.server
import importlib
import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@contextlib.contextmanager
def business_use_act() -> Generator[Callable[..., Any] | None]:
    """Yield its `act`, initialized on a server that takes all; None where it is not installed."""
    if importlib.util.find_spec("business_use") is None:
        yield None
        return
    sdk: Any = importlib.import_module("business_use")
    # A process of its own: it must not compete for the interpreter with what is measured.
    command = [sys.executable, "-m", "benchmarks.business_use"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None  # noqa: S101 -- it is piped; for the type checker
        url = server.stdout.readline().strip()
        # Room for all calls: a call that drops an event also writes a line to the log.
        sdk.initialize(api_key="key", url=url, max_queue_size=1_000_000)
        try:
            yield sdk.act
        finally:
            sdk.shutdown()
            server.terminate()


class _Server(http.server.BaseHTTPRequestHandler):
    """Answers 200 to whatever comes."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET  # noqa: N815 -- the name that http.server asks for

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep quiet."""


def main() -> None:
    """Serve on a free port, whose address is the first line of stdout, until terminated."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()

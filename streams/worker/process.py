"""Process of a worker: what `duly worker` runs, the same as `faust -A streams worker`."""

from __future__ import annotations

from typing import NoReturn

from streams.errors import EXIT_STOPPED


def run() -> NoReturn:
    """Run the worker that `faust -A streams worker` runs, without Faust's banner on stdout."""
    from faust.cli.faust import cli  # noqa: PLC0415  # registers Faust's commands, for this call alone

    cli(["--app", "streams", "--quiet", "worker", "--without-web"])
    raise SystemExit(EXIT_STOPPED)

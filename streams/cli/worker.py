"""`duly worker`: the worker, the same that `faust -A streams worker` runs."""

from __future__ import annotations


def worker() -> None:
    """Run a worker until a signal stops it.

    The same as `faust -A streams worker`, from any folder. Settings are environment variables;
    several workers with the same DULY_APP_ID share the partitions. Exit codes are the worker's
    own: 0 stopped, 2 settings or an installed package, 4 broker or topics, 70 restart me.

        DULY_BROKER=kafka:9092 duly worker
    """
    from streams.worker.process import run

    run()

"""`duly worker`: runs a worker, the same as `faust -A streams worker`."""

from __future__ import annotations


def worker() -> None:
    """Run a worker until a signal stops it.

    The same as `faust -A streams worker`, in any folder. Settings are environment variables;
    workers with the same DULY_APP_ID share the partitions. Exit codes: 0 stopped, 2 settings
    or an installed package, 4 broker or topics, 70 internal error or lease lost: restart it.

        DULY_BROKER=kafka:9092 duly worker
    """
    from streams.worker.process import run

    run()

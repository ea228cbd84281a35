"""`python -m streams.audit`: exit 0 if sound, 1 if not, 2 and 4 as the worker."""

from __future__ import annotations

import argparse
import asyncio
import sys

from schemas.encoding import encode_json
from streams.audit.auditor import PATIENCE_S, audit
from streams.audit.report import as_object, as_table
from streams.errors import DulyError
from streams.log import configure_logging
from streams.settings.worker import WorkerSettings, load_worker_settings

EXIT_NOT_SOUND = 1


def main() -> int:
    """Audit the topics that the settings name; return the exit code."""
    arguments = _parser().parse_args()
    try:
        settings = _settings(arguments)
        findings = asyncio.run(audit(settings, patience_s=arguments.patience))
    except DulyError as error:
        sys.stderr.write(f"audit: {error}\n")
        return error.exit_code
    text = encode_json(as_object(findings)).decode() if arguments.json else as_table(findings)
    sys.stdout.write(f"{text}\n")
    return 0 if findings.sound else EXIT_NOT_SOUND


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m streams.audit",
        description="Judge the events topic anew and compare with the verdicts that workers wrote. "
        "Connection and default flow options are those of the worker: DULY_*.",
    )
    parser.add_argument("--bootstrap", help="brokers, host:port; by default DULY_BROKER")
    parser.add_argument("--prefix", help="of the topics; by default DULY_TOPIC_PREFIX")
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE_S,
        metavar="SECONDS",
        help="how long to wait for verdicts that are not written yet (%(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print an object instead of a table")
    return parser


def _settings(arguments: argparse.Namespace) -> WorkerSettings:
    settings = load_worker_settings()
    given = {"broker": arguments.bootstrap, "topic_prefix": arguments.prefix}
    settings = settings.model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )
    configure_logging(settings.model_copy(update={"log_level": "error"}))
    return settings


if __name__ == "__main__":
    sys.exit(main())

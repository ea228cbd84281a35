"""Exit codes of commands, and the command group that turns errors into them."""

from __future__ import annotations

import os
import sys
from enum import IntEnum
from typing import Any

import typer
from typer.core import TyperGroup

from schemas.errors import SchemaError
from streams.cli.terminal import complain
from streams.errors import EXIT_INTERNAL, DulyError


class ExitCode(IntEnum):
    """Exit codes of `duly`."""

    OK = 0
    VERDICT_FAILED = 1
    DIFFERENT = 1  # what was compared is not the same
    USAGE = 2
    NO_VERDICT = 3
    INFRASTRUCTURE = 4
    INTERNAL = EXIT_INTERNAL


class DulyGroup(TyperGroup):
    """Ends a command that raises an error of ours with its message and exit code, no traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader of stdout has closed it, as `head` does: not a failure.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.OK) from None
        except DulyError as error:
            complain(str(error))
            raise typer.Exit(error.exit_code) from error
        except SchemaError as error:
            complain(str(error))
            raise typer.Exit(ExitCode.USAGE) from error

"""The command line `duly`: options, calls and screens, one module per command or group of commands.

Data goes to stdout, messages to stderr. Exit codes are in `streams.cli.exit_codes`.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; the entry point `duly`."""
    try:
        from streams.cli.root import app

        app()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in {"rich", "typer"}:
            raise
        sys.stderr.write(f"duly: the command line needs {package}: pip install 'duly[cli]'\n")
        sys.exit(2)
    except KeyboardInterrupt:  # while modules are loaded; later the command handles it
        sys.exit(130)

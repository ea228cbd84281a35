"""Judges business runs: Kafka and Faust around a pure engine.

`faust -A streams worker` finds the app here, as `streams.app`. It is made when it is first asked for
(PEP 562), so that `import streams.engine` loads no Faust and reads no settings. There is no module
of that name: Faust would take it for the app.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from streams.errors import DulyError, ShadowedPackage


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        app = _create_app()
    except DulyError as error:
        sys.stderr.write(f"duly: {error}\n")
        raise SystemExit(error.exit_code) from error
    globals()["app"] = app
    return app


def check_own_packages() -> None:
    """Check that `import schemas` gives ours: a user's own file of that name is not rare.

    Raises:
        ShadowedPackage: names the file that hides it.
    """
    ours = Path(__file__).resolve().parent.parent / "schemas" / "__init__.py"
    spec = find_spec("schemas")
    found = spec.origin if spec is not None else None
    if found is None or Path(found).resolve() != ours:
        raise ShadowedPackage(
            f"`import schemas` finds {found or 'nothing'} instead of {ours}: start the worker "
            "outside the folder of that file (`duly worker` may run anywhere), or rename the file"
        )


def _create_app() -> Any:
    check_own_packages()
    # Only now: these read what the check has just vouched for.
    from streams.faust_batches.versions import check_versions  # noqa: PLC0415
    from streams.log import configure_logging  # noqa: PLC0415
    from streams.settings.worker import load_worker_settings  # noqa: PLC0415

    check_versions()
    settings = load_worker_settings()
    configure_logging(settings)
    # By name: an import here would make every module of this package depend on Faust.
    return import_module("streams.pipeline").create_app(settings)

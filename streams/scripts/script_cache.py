"""Every script is compiled once: by its engine, which is started when its first script comes."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from streams.scripts.language import EngineFailed, NotCompiled

if TYPE_CHECKING:
    from streams.scripts.language import Engine, Program
    from streams.scripts.limits import Limits

MAX_CACHED = 1_000
"""Scripts kept compiled; a sender of ever new ones must not fill our memory."""


class _Engine(NamedTuple):
    module: str
    cls: str
    extra: str
    smallest: str
    """A script that does nothing."""


ENGINES = {
    "python": _Engine("streams.scripts.languages.python", "PythonEngine", "worker", "True"),
    "cel": _Engine("streams.scripts.languages.cel", "CelEngine", "cel", "true"),
    "js": _Engine("streams.scripts.languages.javascript", "JavaScriptEngine", "js", "true"),
}


class CompiledScripts:
    """The engines, and what they compiled. Safe to use from threads.

    Args:
        limits: what a script may cost.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._engines: dict[str, Engine] = {}
        self._cache: OrderedDict[tuple[str, str], Program | NotCompiled] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, engine: str, source: str) -> Program:
        """Return a script ready to run.

        Raises:
            NotCompiled: it is refused, or its engine is unknown or not installed.
            EngineFailed: its engine cannot start now.
        """
        key = (engine, source)
        with self._lock:
            found = self._cache.get(key)
            if found is not None:
                self._cache.move_to_end(key)
        if found is None:
            found = self._compile(engine, source)  # or an engine that fails, which is not kept
            with self._lock:
                self._cache[key] = found
                if len(self._cache) > MAX_CACHED:
                    self._cache.popitem(last=False)
        if isinstance(found, NotCompiled):
            raise NotCompiled(str(found))  # not the one that is kept, which would grow
        return found

    def warm(self, engine: str) -> None:
        """Start an engine, if there is such a one, before anybody waits for a script of it."""
        if engine in ENGINES:
            with contextlib.suppress(NotCompiled):  # the scripts that follow say why
                self.get(engine, ENGINES[engine].smallest)

    def stop(self) -> None:
        """End the processes of every engine."""
        with self._lock:
            self._cache.clear()
            engines, self._engines = self._engines, {}
        for engine in engines.values():
            engine.stop()

    def _compile(self, engine: str, source: str) -> Program | NotCompiled:
        try:
            return self._engine(engine).compile(source)
        except EngineFailed:
            raise
        except NotCompiled as refusal:
            return refusal

    def _engine(self, name: str) -> Engine:
        with self._lock:
            if name not in self._engines:
                self._engines[name] = _start(name, self._limits)
            return self._engines[name]


def _start(name: str, limits: Limits) -> Engine:
    if name not in ENGINES:
        known = ", ".join(ENGINES)
        raise NotCompiled(f"there is no script engine {name!r}; the engines are {known}")
    module, cls, extra, _ = ENGINES[name]
    try:
        return getattr(import_module(module), cls)(limits)
    except ModuleNotFoundError as error:
        raise NotCompiled(
            f"the script engine {name!r} is not installed here ({error}): "
            f"pip install 'duly[{extra}]'"
        ) from None
    except OSError as error:
        raise EngineFailed(f"{name}: the engine cannot start: {error}") from error

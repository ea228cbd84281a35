"""Cache of compiled scripts; starts each language when its first script comes."""

from __future__ import annotations

import importlib
import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from streams.log import get_logger
from streams.scripts.language import EngineFailed, NotCompiled, OverLimits

if TYPE_CHECKING:
    from streams.scripts.language import CompiledScript, Language
    from streams.scripts.limits import Limits

log = get_logger(__name__)

MAX_CACHED = 1_000
"""Compiled scripts that are kept; a sender of ever new ones must not fill our memory."""


class _LanguageEntry(NamedTuple):
    module: str
    cls: str
    extra: str
    smallest: str
    """A script that does nothing."""


LANGUAGES = {
    "python": _LanguageEntry(
        "streams.scripts.languages.python", "PythonLanguage", "worker", "True"
    ),
    "cel": _LanguageEntry("streams.scripts.languages.cel", "CelLanguage", "cel", "true"),
    "js": _LanguageEntry(
        "streams.scripts.languages.javascript", "JavaScriptLanguage", "js", "true"
    ),
}


class ScriptCache:
    """Started languages and compiled scripts. Thread-safe.

    Args:
        limits: budgets of scripts.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._languages: dict[str, Language] = {}
        self._cache: OrderedDict[tuple[str, str], CompiledScript | NotCompiled] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, engine: str, source: str) -> CompiledScript:
        """Return a script ready to run.

        Raises:
            NotCompiled: it is refused, or its engine is unknown or not installed.
            OverLimits: it went over its limits when it was compiled.
            EngineFailed: its engine cannot start now.
        """
        key = (engine, source)
        with self._lock:
            found = self._cache.get(key)
            if found is not None:
                self._cache.move_to_end(key)
        if found is None:
            found = self._compile(engine, source)
            with self._lock:
                self._cache[key] = found
                if len(self._cache) > MAX_CACHED:
                    self._cache.popitem(last=False)
        if isinstance(found, NotCompiled):
            raise NotCompiled(str(found))  # not the one that is kept, which would grow
        return found

    def warm(self, engine: str) -> None:
        """Start an engine, if it exists, before a script waits for it."""
        if engine not in LANGUAGES:
            return
        try:
            self.get(engine, LANGUAGES[engine].smallest)
        except NotCompiled:  # it is not installed, which scripts that need it say
            pass
        except EngineFailed as failure:  # worth waiting for once a script needs it
            log.warning("script engine does not start", engine=engine, reason=str(failure))

    def stop(self) -> None:
        """End the processes of every engine."""
        with self._lock:
            self._cache.clear()
            languages, self._languages = self._languages, {}
        for language in languages.values():
            language.stop()

    def _compile(self, engine: str, source: str) -> CompiledScript | NotCompiled:
        try:
            return self._language(engine).compile(source)
        except OverLimits:
            raise
        except NotCompiled as refusal:
            return refusal

    def _language(self, name: str) -> Language:
        with self._lock:
            if name not in self._languages:
                self._languages[name] = _start(name, self._limits)
            return self._languages[name]


def _start(name: str, limits: Limits) -> Language:
    if name not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise NotCompiled(f"there is no script engine {name!r}; the engines are {known}")
    module, cls, extra, _ = LANGUAGES[name]
    try:
        return getattr(importlib.import_module(module), cls)(limits)
    except ModuleNotFoundError as error:
        _check_descriptors(name)
        raise NotCompiled(
            f"the script engine {name!r} is not installed here ({error}): "
            f"pip install 'duly[{extra}]'"
        ) from None
    except (OSError, ImportError) as error:
        raise EngineFailed(f"{name}: the engine cannot start: {error}") from error


def _check_descriptors(name: str) -> None:
    """Check that files can be opened: where they cannot, an installed package is not found either.

    Raises:
        EngineFailed: they cannot.
    """
    try:
        for descriptor in [os.open(os.devnull, os.O_RDONLY) for _ in range(2)]:
            os.close(descriptor)
    except OSError as error:
        importlib.invalidate_caches()  # which remember that there was nothing
        raise EngineFailed(f"{name}: the engine cannot start: {error}") from error

"""Profile of a worker under load: stacks sampled with py-spy."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.report import Row

SAMPLES_PER_SECOND = 200
STOP_TIMEOUT_S = 30.0

PARTS: Final = {
    "engine: state written": ("streams/engine/run/codec.py",),
    "engine: verdicts": ("streams/engine/rules/verdicts.py", "streams/engine/rules/causes.py"),
    "engine: the rest": ("streams/engine/",),
    "scripts": ("streams/scripts/", "pydantic_monty"),
    "events decoded and checked": ("schemas/", "streams/agents/events/decoder.py"),
    "records fetched and parsed": (
        "aiokafka/consumer/",
        "faust/transport/",
        "streams/faust_batches/consumer.py",
    ),
    "records written": ("aiokafka/producer/", "streams/faust_batches/producer.py"),
    "partition owners": ("streams/kafka/",),
    "connections": ("aiokafka/",),
    "Faust": ("faust/", "mode/"),
    "event loop": ("asyncio/", "selectors.py"),
}
"""Parts of a worker by the files in which their frames are; of a stack the innermost one counts."""


class Profiler:
    """Samples workers, one after the other.

    Args:
        program: py-spy.
    """

    def __init__(self, program: Path) -> None:
        self._program = program
        self._samples: dict[str, Counter[str]] = {}

    @classmethod
    def find(cls) -> Self:
        """Return a profiler, or end the program with what to install."""
        program = Path(sys.executable).with_name("py-spy")
        if not program.exists():
            sys.exit(f"--profile needs py-spy: {sys.executable} -m pip install py-spy")
        return cls(program)

    @contextmanager
    def sample(self, pid: int, what: str) -> Generator[None]:
        """Sample a process for the time of a block."""
        with tempfile.TemporaryDirectory() as folder:
            found = Path(folder) / "stacks"
            sampling = subprocess.Popen(
                [
                    *[self._program, "record", "--pid", str(pid), "--output", found],
                    *["--format", "raw", "--full-filenames", "--nonblocking"],
                    *["--rate", str(SAMPLES_PER_SECOND)],
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            yield
            sampling.send_signal(signal.SIGINT)
            _, complaint = sampling.communicate(timeout=STOP_TIMEOUT_S)
            if not found.exists():
                sys.exit(f"py-spy cannot sample the worker: {complaint}")
            self._samples[what] = _count(found.read_text())

    def tables(self) -> dict[str, list[Row]]:
        """Return a table for each worker that was sampled: parts and their share of its time."""
        return {f"time of: {what}": _rows(counts) for what, counts in self._samples.items()}


def _count(stacks: str) -> Counter[str]:
    """Count samples by part; a line is `outermost frame;…;innermost frame samples`."""
    counts: Counter[str] = Counter()
    for line in stacks.splitlines():
        frames, _, samples = line.rpartition(" ")
        counts[_part(frames.split(";"))] += int(samples)
    return counts


def _part(frames: list[str]) -> str:
    for frame in reversed(frames):
        for part, places in PARTS.items():
            if any(place in frame for place in places):
                return part
    return "other"


def _rows(counts: Counter[str]) -> list[dict[str, Any]]:
    total = max(counts.total(), 1)
    return [
        {"measured": part, "share": f"{samples / total:.0%}"}
        for part, samples in counts.most_common()
    ]

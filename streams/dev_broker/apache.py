"""Apache Kafka on a Java runtime, with its jars from Maven Central."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from streams.dev_broker.jars import fetch_jars
from streams.dev_broker.kraft import server_properties
from streams.dev_broker.local import LocalBroker
from streams.dev_broker.ports import HOST
from streams.errors import BrokerUnavailable

if TYPE_CHECKING:
    from streams.dev_broker.base import BrokerKind

_JAVA_MIN = 17
_CLUSTER_ID = "duly-local-kafka-AAAAA"  # any 16 bytes in URL-safe base64
_INSTALL_JAVA = "Install one, on Debian: apt-get install openjdk-17-jre-headless maven"
_FORMAT_TIMEOUT_S = 60.0


class ApacheBroker(LocalBroker):
    """A one-node Apache Kafka; up in about four seconds, with a heap of at most 512 MiB."""

    kind: ClassVar[BrokerKind] = "apache"

    def __init__(self, folder: Path, java: Path, jars: Path) -> None:
        super().__init__(folder)
        self._java = java
        self._classpath = f"{jars}/*"

    @classmethod
    def prepare(cls, folder: Path) -> Self:
        """Find Java, and fetch the jars where `folder` has none yet (43 MB)."""
        return cls(folder, find_java(), fetch_jars(folder))

    def command(self) -> list[str | Path]:
        """Return the command of the server."""
        return [*self._java_command(), "-Xmx512m", "kafka.Kafka", self._properties_file]

    def start(self) -> None:
        """Format the data folder the first time, then start the server."""
        if not self._properties_file.exists():
            self._format()
        super().start()

    @property
    def _properties_file(self) -> Path:
        return self.home / "server.properties"

    def _java_command(self) -> list[str | Path]:
        return [self._java, "-XX:+UseSerialGC", "-Dlog4j2.level=WARN", "-cp", self._classpath]

    def _format(self) -> None:
        properties = server_properties(
            listen_on=HOST,
            advertise=HOST,
            port=self.port,
            controller_port=self.controller_port,
            data=str(self.home / "data"),
        )
        text = "".join(f"{name}={value}\n" for name, value in properties.items())
        self._properties_file.write_text(text)
        tool = ["kafka.tools.StorageTool", "format", "--cluster-id", _CLUSTER_ID]
        done = subprocess.run(
            [*self._java_command(), *tool, "--config", self._properties_file],
            capture_output=True,
            check=False,
            text=True,
            timeout=_FORMAT_TIMEOUT_S,
        )
        if done.returncode:
            raise BrokerUnavailable(f"Apache Kafka cannot format {self.home}:\n{done.stderr}")


def find_java() -> Path:
    """Return the Java runtime of JAVA_HOME or else of PATH.

    Raises:
        BrokerUnavailable: there is none, or it is older than Java 17.
    """
    home = os.environ.get("JAVA_HOME")
    path = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if path is None:
        where = f"in JAVA_HOME={home}" if home else "on PATH"
        raise BrokerUnavailable(f"There is no Java {where}. {_INSTALL_JAVA}")
    version = java_version(Path(path))
    if version < _JAVA_MIN:
        raise BrokerUnavailable(
            f"{path} is Java {version}, Kafka needs 17 or newer. {_INSTALL_JAVA}"
        )
    return Path(path)


def java_version(java: Path) -> int:
    """Return the major version that `java -version` tells; 0 where it tells none."""
    done = subprocess.run([java, "-version"], capture_output=True, check=False, text=True)
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found.group(1)) if found else 0

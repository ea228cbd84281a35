"""Jars of Apache Kafka, fetched by Maven once and kept."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from streams.dev_broker.kraft import KAFKA_VERSION
from streams.errors import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_FETCH_TIMEOUT_S = 600.0
_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
# Kafka logs through slf4j and leaves the choice of what is behind it to its distribution.
_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>duly</groupId>
  <artifactId>broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>2.24.3</version>
    </dependency>
  </dependencies>
</project>
"""


def fetch_jars(folder: Path) -> Path:
    """Return the folder of Kafka's jars below `folder`, filled by Maven where it is not there yet.

    Processes that ask at the same time fetch once.

    Raises:
        BrokerUnavailable: Maven is missing, or could not fetch them.
    """
    jars = folder.resolve() / f"kafka-{KAFKA_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / "fetch.lock"):
        if not jars.exists():
            _fetch(jars)
    return jars


def _fetch(jars: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerUnavailable(
            "Maven, which fetches Apache Kafka, is not on PATH. "
            "Install it, on Debian: apt-get install maven"
        )
    work = jars.with_suffix(".part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    (work / "pom.xml").write_text(_POM)
    done = subprocess.run(
        [maven, "-B", "-q", _GOAL, "-DincludeScope=runtime", "-DoutputDirectory=jars"],
        capture_output=True,
        check=False,
        cwd=work,
        text=True,
        timeout=_FETCH_TIMEOUT_S,
    )
    if done.returncode:
        raise BrokerUnavailable(f"Maven could not fetch Apache Kafka:\n{done.stdout[-2_000:]}")
    (work / "jars").rename(jars)
    shutil.rmtree(work)


@contextmanager
def _locked(path: Path) -> Generator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

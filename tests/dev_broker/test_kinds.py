"""The choice among the kinds of broker, and what is said where one cannot run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import pytest

from streams.dev_broker import BrokerKind, start_broker
from streams.dev_broker.apache import find_java
from streams.dev_broker.local import LocalBroker
from streams.dev_broker.ports import answers, free_ports
from streams.errors import BrokerError, BrokerUnavailable

if TYPE_CHECKING:
    from tests.support.shared_kafka import SharedKafka


@pytest.fixture
def empty_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A PATH without programs, and nothing else that names a broker or a Java."""
    for name in ("JAVA_HOME", "DULY_BROKER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def fake_java(folder: Path, version: str) -> None:
    """Put a `java` on the path that tells a version, as real ones do, on stderr."""
    java = folder / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2020-01-01' >&2\n")
    java.chmod(0o755)


def test_the_embedded_broker_serves_and_says_what_it_lacks(tmp_path: Path) -> None:
    with start_broker("embedded", tmp_path) as broker:
        host, _, port = broker.bootstrap.partition(":")
        assert answers(host, int(port), timeout_s=5)
        assert "memory" in broker.notice


def test_the_embedded_broker_refuses_a_restart_that_would_forget(tmp_path: Path) -> None:
    with start_broker("embedded", tmp_path) as broker, pytest.raises(BrokerError, match="memory"):
        broker.restart()


def test_close_leaves_nothing_and_may_be_repeated(tmp_path: Path) -> None:
    broker = start_broker("embedded", tmp_path)
    host, _, port = broker.bootstrap.partition(":")
    broker.close()
    broker.close()
    assert not answers(host, int(port), timeout_s=1)
    assert list((tmp_path / "run").iterdir()) == []


def test_an_address_in_the_environment_comes_before_all_others(
    kafka: SharedKafka, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DULY_BROKER", kafka.bootstrap)
    with start_broker(folder=tmp_path) as broker:
        assert broker.kind == "external"
        assert broker.bootstrap == kafka.bootstrap


@pytest.mark.parametrize("verb", ["stop", "kill", "restart", "pause", "resume"])
def test_a_broker_of_somebody_else_is_left_alone(
    kafka: SharedKafka, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, verb: str
) -> None:
    monkeypatch.setenv("DULY_BROKER", kafka.bootstrap)
    with (
        start_broker("external", tmp_path) as broker,
        pytest.raises(BrokerError, match="not ours"),
    ):
        getattr(broker, verb)()


def test_an_address_where_nothing_answers_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    [port] = free_ports(1)
    monkeypatch.setenv("DULY_BROKER", f"127.0.0.1:{port}")
    with pytest.raises(BrokerUnavailable, match=f"Nothing answers at DULY_BROKER=.*:{port}"):
        start_broker(folder=tmp_path)


def test_an_address_without_a_port_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DULY_BROKER", "localhost")
    with pytest.raises(BrokerUnavailable, match="HOST:PORT"):
        start_broker(folder=tmp_path)


@pytest.mark.usefixtures("empty_path")
def test_where_nothing_runs_each_kind_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BrokerUnavailable) as error:
        start_broker(("external", "apache"), tmp_path)
    assert "external: DULY_BROKER is not set" in str(error.value)
    assert "apache: There is no Java on PATH. Install one" in str(error.value)


def test_the_next_kind_is_taken_where_one_cannot_run(empty_path: Path) -> None:
    with start_broker(("apache", "embedded"), empty_path) as broker:
        assert broker.kind == "embedded"


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_292"])
def test_an_old_java_is_refused(empty_path: Path, version: str) -> None:
    fake_java(empty_path, version)
    with pytest.raises(BrokerUnavailable, match="Kafka needs 17 or newer"):
        find_java()


def test_java_home_comes_before_the_path(
    empty_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_java(empty_path, "11")
    bin_folder = tmp_path / "home" / "bin"
    bin_folder.mkdir(parents=True)
    fake_java(bin_folder, "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(bin_folder.parent))
    assert find_java() == bin_folder / "java"


def test_without_maven_the_message_names_it(empty_path: Path, tmp_path: Path) -> None:
    fake_java(empty_path, "17.0.1")
    with pytest.raises(BrokerUnavailable, match="apt-get install maven"):
        start_broker("apache", tmp_path)


class MuteBroker(LocalBroker):
    """Ends at once, with a last word."""

    kind: ClassVar[BrokerKind] = "embedded"

    @classmethod
    def prepare(cls, folder: Path) -> Self:
        return cls(folder)

    def command(self) -> list[str | Path]:
        return [Path(sys.executable), "-c", "raise SystemExit('no space left on device')"]


def test_a_broker_that_ends_while_it_starts_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    broker = MuteBroker.prepare(tmp_path)
    with broker, pytest.raises(BrokerUnavailable, match="no space left on device"):
        broker.start()


def test_folders_of_brokers_whose_owner_died_are_removed(tmp_path: Path) -> None:
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    left = tmp_path / "run" / f"{gone.pid}-20001"
    left.mkdir(parents=True)
    with MuteBroker.prepare(tmp_path):
        assert not left.exists()

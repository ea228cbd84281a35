"""The files of `deploy/` name only what is there."""

from __future__ import annotations

import asyncio
import re
import sys
import tomllib
from typing import Any

import pytest
import yaml

from streams.dev_broker.kraft import KAFKA_VERSION
from streams.dev_broker.ports import free_ports
from streams.metrics.registry import Metrics
from streams.settings.kafka import ENV_PREFIX
from streams.settings.worker import WorkerSettings
from streams.worker.health_page import HealthPage
from tests.support.shared_kafka import ROOT

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
WHEEL = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]


def environment(service: str) -> dict[str, str]:
    return COMPOSE["services"][service]["environment"]


def instructions(name: str) -> list[str]:
    """Return the arguments of one kind of instruction, in order."""
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, flags=re.MULTILINE)


def copied() -> list[str]:
    """Return what the image is built from: the sources of each COPY."""
    return [source for line in instructions("COPY") for source in line.split()[:-1]]


@pytest.mark.parametrize("source", copied())
def test_the_image_copies_what_is_there_and_let_through(source: str) -> None:
    assert (ROOT / source).exists()
    assert f"!{source}" in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()


def test_the_image_is_built_from_all_that_the_wheel_holds() -> None:
    assert {*WHEEL["packages"], *WHEEL["force-include"]} <= set(copied())


def test_the_image_installs_extras_that_exist_and_runs_the_command() -> None:
    built, installed = re.findall(r"\[([a-z,]+)\]'", DOCKERFILE)
    assert built == installed
    assert set(installed.split(",")) <= set(PROJECT["optional-dependencies"])
    [entry] = instructions("ENTRYPOINT")
    assert entry == str(list(PROJECT["scripts"])).replace("'", '"')


def test_the_image_runs_a_python_that_we_support() -> None:
    versions = {image.partition(":")[2].partition("-")[0] for image in instructions("FROM")}
    supported = {entry.rpartition(" ")[2] for entry in PROJECT["classifiers"] if "3." in entry}
    assert versions <= supported


def test_the_image_does_not_run_as_root() -> None:
    [user] = instructions("USER")
    assert user != "root"


class Ready:
    """What the page of a worker that judges tells of."""

    def measure(self) -> None: ...
    def why_stuck(self) -> None: ...
    def why_not_ready(self) -> None: ...


async def test_the_health_check_waits_for_a_worker_until_it_is_ready() -> None:
    kind, *check = COMPOSE["services"]["worker"]["healthcheck"]["test"]
    assert kind == "CMD"
    [port] = free_ports(1)
    default_port = str(WorkerSettings.model_fields["web_port"].default)
    command = [argument.replace(default_port, str(port)) for argument in check]
    page = HealthPage(Metrics())
    assert await exit_code(command) != 0
    await page.start("127.0.0.1", port)
    try:
        assert await exit_code(command) != 0
        page.show(Ready())
        assert await exit_code(command) == 0
    finally:
        await page.stop()


async def exit_code(command: list[str]) -> int:
    program = sys.executable if command[0] == "python" else command[0]
    process = await asyncio.create_subprocess_exec(
        program, *command[1:], stderr=asyncio.subprocess.DEVNULL
    )
    return await process.wait()


def test_the_worker_is_given_settings_that_it_knows() -> None:
    known = {f"{ENV_PREFIX}{name}".upper() for name in WorkerSettings.model_fields}
    given = set(environment("worker")) | set(re.findall(r"\b(DULY_\w+)=", DOCKERFILE))
    assert given <= known


def test_the_worker_asks_for_an_address_that_kafka_advertises() -> None:
    advertised = environment("kafka")["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert environment("worker")["DULY_BROKER"] in {
        listener.partition("://")[2] for listener in advertised
    }


def test_kafka_is_the_one_that_the_tests_run_on() -> None:
    assert COMPOSE["services"]["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_kafka_is_published_to_this_machine_alone() -> None:
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["services"]["kafka"]["ports"])


def test_kafka_keeps_its_logs_on_the_volume() -> None:
    folder = environment("kafka")["KAFKA_LOG_DIRS"]
    assert any(volume.endswith(f":{folder}") for volume in COMPOSE["services"]["kafka"]["volumes"])


def test_every_service_that_is_waited_for_has_a_health_check() -> None:
    services: dict[str, Any] = COMPOSE["services"]
    awaited = {name for service in services.values() for name in service.get("depends_on", {})}
    assert awaited
    assert all("healthcheck" in services[name] for name in awaited)

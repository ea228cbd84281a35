"""The broker: who answers where, and which Kafka it is."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest

from streams.cli.doctor.findings import Finding
from streams.cli.output import count_of
from streams.kafka.client import client_options
from streams.kafka.topics import REQUEST_TIMEOUT_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.settings.kafka import KafkaSettings

CONNECT_TIMEOUT_S = 3.0
OLDEST_TESTED = (3, 6)


class _Sign(NamedTuple):
    """A request whose version came with a release of Apache Kafka."""

    release: tuple[int, int]
    request: int
    version: int


_PRODUCE, _FETCH, _ADD_PARTITIONS_TO_TXN = 0, 1, 24
SIGNS = (
    _Sign((4, 1), _FETCH, 18),
    _Sign((4, 0), _PRODUCE, 12),
    _Sign((3, 9), _FETCH, 17),
    _Sign((3, 8), _PRODUCE, 11),
    _Sign((3, 7), _FETCH, 16),
    _Sign((3, 6), _ADD_PARTITIONS_TO_TXN, 4),
    _Sign((3, 5), _FETCH, 15),
)
"""The newest first. A broker does not tell its release; it tells the requests that it knows."""


async def check_broker(settings: KafkaSettings) -> list[Finding]:
    """Return who answers; a failure among them means that little more can be asked."""
    client: Any = AIOKafkaClient(
        **client_options(settings), request_timeout_ms=REQUEST_TIMEOUT_MS, client_id="duly-doctor"
    )
    try:
        await client.bootstrap()
        return [*await _silent_servers(settings), *await _describe(client)]
    except (KafkaError, OSError) as error:
        advice = "is it running, and are DULY_BROKER, DULY_SASL_* and DULY_SSL_CA right?"
        message = f"no broker serves us at {settings.broker}: {advice} ({error})"
        return [Finding("broker", "failure", message)]
    finally:
        await client.close()


async def _silent_servers(settings: KafkaSettings) -> list[Finding]:
    """Return which addresses of DULY_BROKER are of no use, although another one is."""
    servers = settings.broker.split(",")
    answers = await asyncio.gather(*(_cannot_reach(server) for server in servers))
    return [
        Finding("broker", "warning", f"{server}, of DULY_BROKER, does not answer: {reason}")
        for server, reason in zip(servers, answers, strict=True)
        if reason is not None
    ]


def release_of(versions: Mapping[int, int]) -> tuple[int, int] | None:
    """Return the newest release of Apache Kafka that a broker may be.

    Args:
        versions: request → the newest version of it that the broker takes.

    Returns:
        Major and minor number; None if it is older than all that are known here.
    """
    for sign in SIGNS:
        if versions.get(sign.request, -1) >= sign.version:
            return sign.release
    return None


async def _describe(client: Any) -> list[Finding]:
    brokers = sorted(client.cluster.brokers(), key=lambda broker: broker.nodeId)
    response = await client.send(brokers[0].nodeId, ApiVersionRequest())
    release = release_of({request: newest for request, _, newest in response.api_versions})
    findings = [
        Finding("broker", "ok", f"{count_of(len(brokers), 'broker')}: {_names(brokers)}"),
        _release_finding(release),
    ]
    reasons = await asyncio.gather(*(_cannot_reach(_address(broker)) for broker in brokers))
    return findings + [
        Finding(
            "broker",
            "failure",
            f"broker {broker.nodeId} calls itself {_address(broker)}, which cannot be reached from here "
            f"({reason}): are its advertised.listeners right?",
        )
        for broker, reason in zip(brokers, reasons, strict=True)
        if reason is not None
    ]


def _release_finding(release: tuple[int, int] | None) -> Finding:
    tested = ".".join(map(str, OLDEST_TESTED))
    if release is None or release < OLDEST_TESTED:
        return Finding(
            "broker",
            "warning",
            f"it speaks an older protocol than Apache Kafka {tested}: not tested",
        )
    newest = " or newer" if release == SIGNS[0].release else ""
    return Finding(
        "broker", "ok", f"speaks the protocol of Apache Kafka {release[0]}.{release[1]}{newest}"
    )


def _names(brokers: list[Any]) -> str:
    return ", ".join(f"{_address(broker)} (id {broker.nodeId})" for broker in brokers)


def _address(broker: Any) -> str:
    return f"{broker.host}:{broker.port}"


async def _cannot_reach(server: str) -> str | None:
    """Return why no connection can be made to `host:port`; None if one can."""
    host, _, port = server.rpartition(":")
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except TimeoutError:
        return f"no connection within {CONNECT_TIMEOUT_S:g} s"
    except OSError as error:
        return os.strerror(error.errno) if error.errno else str(error)
    writer.close()
    await writer.wait_closed()
    return None

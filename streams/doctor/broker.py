"""Check of the broker: reachable addresses, and the version of Kafka."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest

from streams.doctor.findings import Finding
from streams.engine.text import count_of
from streams.kafka.broker_release import SIGNS, release_of, why_unreachable
from streams.kafka.client import client_options
from streams.kafka.topics import REQUEST_TIMEOUT_MS

if TYPE_CHECKING:
    from streams.settings.kafka import KafkaSettings

OLDEST_TESTED = (3, 6)


async def check_broker(settings: KafkaSettings) -> list[Finding]:
    """Return the brokers that answer; after a failure no other check of the broker is possible."""
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
    """Return a warning for each address of DULY_BROKER that does not answer."""
    servers = settings.broker.split(",")
    answers = await asyncio.gather(*(why_unreachable(server) for server in servers))
    return [
        Finding("broker", "warning", f"{server}, of DULY_BROKER, does not answer: {reason}")
        for server, reason in zip(servers, answers, strict=True)
        if reason is not None
    ]


async def _describe(client: Any) -> list[Finding]:
    brokers = sorted(client.cluster.brokers(), key=lambda broker: broker.nodeId)
    response = await client.send(brokers[0].nodeId, ApiVersionRequest())
    release = release_of({request: newest for request, _, newest in response.api_versions})
    findings = [
        Finding("broker", "ok", f"{count_of(len(brokers), 'broker')}: {_names(brokers)}"),
        _release_finding(release),
    ]
    reasons = await asyncio.gather(*(why_unreachable(_address(broker)) for broker in brokers))
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

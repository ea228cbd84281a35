"""How every client of ours reaches the broker, from one set of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import faust

if TYPE_CHECKING:
    from faust.auth import Credentials

    from streams.settings.kafka import KafkaSettings


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the keyword arguments that connect an aiokafka client.

    Raises:
        SettingsError: the file of certificate authorities cannot be used.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.broker.split(","),
        "security_protocol": _protocol(settings),
        "ssl_context": settings.ssl_context(),
    }
    if settings.sasl_mechanism and settings.sasl_password:
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password.get_secret_value(),
        }
    return options


def faust_brokers(settings: KafkaSettings) -> list[str]:
    """Return the brokers as Faust takes them."""
    return [f"kafka://{server}" for server in settings.broker.split(",")]


def faust_credentials(settings: KafkaSettings) -> Credentials | None:
    """Return what Faust connects with; None without TLS and SASL."""
    context = settings.ssl_context()
    if settings.sasl_mechanism and settings.sasl_password:
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password.get_secret_value(),
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)


def _protocol(settings: KafkaSettings) -> str:
    secure = settings.ssl_ca is not None
    if settings.sasl_mechanism:
        return "SASL_SSL" if secure else "SASL_PLAINTEXT"
    return "SSL" if secure else "PLAINTEXT"

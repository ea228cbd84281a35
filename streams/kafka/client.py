"""Options that connect an aiokafka client, from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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


def _protocol(settings: KafkaSettings) -> str:
    secure = settings.ssl_ca is not None
    if settings.sasl_mechanism:
        return "SASL_SSL" if secure else "SASL_PLAINTEXT"
    return "SSL" if secure else "PLAINTEXT"

"""Brokers and credentials as Faust takes them, from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import faust

if TYPE_CHECKING:
    from faust.auth import Credentials

    from streams.settings.kafka import KafkaSettings


def faust_brokers(settings: KafkaSettings) -> list[str]:
    """Return the brokers as Faust takes them."""
    return [f"kafka://{server}" for server in settings.broker.split(",")]


def faust_credentials(settings: KafkaSettings) -> Credentials | None:
    """Return the credentials that Faust connects with; None without TLS and SASL.

    Raises:
        SettingsError: the file of certificate authorities cannot be used.
    """
    context = settings.ssl_context()
    if settings.sasl_mechanism and settings.sasl_password:
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password.get_secret_value(),
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)

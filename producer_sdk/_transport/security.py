"""TLS and SASL options of the Kafka producer, and the TLS context of HTTP."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from producer_sdk._config import SYSTEM_CA
from producer_sdk._errors import UsageError

if TYPE_CHECKING:
    from producer_sdk._config import Config


def security_options(config: Config) -> dict[str, Any]:
    """Return the keyword arguments of an aiokafka client for TLS and SASL.

    Raises:
        UsageError: the file of certificate authorities cannot be read or is empty.
    """
    options: dict[str, Any] = {
        "security_protocol": _protocol(config),
        "ssl_context": server_context(config.ssl_ca) if config.ssl_ca else None,
    }
    if config.sasl_mechanism:
        options |= {
            "sasl_mechanism": config.sasl_mechanism,
            "sasl_plain_username": config.sasl_username,
            "sasl_plain_password": config.sasl_password,
        }
    return options


def _protocol(config: Config) -> str:
    transport = "SSL" if config.ssl_ca else "PLAINTEXT"
    return f"SASL_{transport}" if config.sasl_mechanism else transport


def server_context(ssl_ca: str) -> ssl.SSLContext:
    """Return the TLS context that verifies the server's certificate.

    Args:
        ssl_ca: a PEM file of certificate authorities; `system` or empty for those of the operating
            system.

    Raises:
        UsageError: the file cannot be read or is empty.
    """
    try:
        return ssl.create_default_context(cafile=None if ssl_ca in {"", SYSTEM_CA} else ssl_ca)
    except OSError as error:  # includes ssl's own errors
        raise UsageError(
            "ssl_ca", f"the certificate authorities in {ssl_ca} cannot be used: {error}"
        ) from error

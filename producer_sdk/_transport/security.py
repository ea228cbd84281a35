"""How the producer proves who it is, and who the broker is."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from producer_sdk._config import SYSTEM_CA

if TYPE_CHECKING:
    from producer_sdk._config import Config


def security_options(config: Config) -> dict[str, Any]:
    """Return the keyword arguments of an aiokafka client for TLS and SASL.

    Raises:
        OSError: the file of certificate authorities cannot be read.
        ssl.SSLError: it holds none.
    """
    options: dict[str, Any] = {
        "security_protocol": _protocol(config),
        "ssl_context": _context(config.ssl_ca),
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


def _context(ssl_ca: str) -> ssl.SSLContext | None:
    if not ssl_ca:
        return None
    return ssl.create_default_context(cafile=None if ssl_ca == SYSTEM_CA else ssl_ca)

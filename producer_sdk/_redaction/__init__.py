"""What must not leave the process, as a service says it; what finds it is loaded when it is used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Collection, Mapping

Detector: TypeAlias = Literal[
    "private_key",
    "jwt",
    "bearer_token",
    "basic_auth",
    "url_credentials",
    "assigned_secret",
    "aws_access_key",
    "aws_secret_key",
    "azure_storage_key",
    "github_token",
    "gitlab_token",
    "stripe_key",
    "openai_key",
    "anthropic_key",
    "slack_token",
    "slack_webhook",
    "google_api_key",
    "google_oauth_token",
    "sendgrid_key",
    "twilio_key",
    "telegram_bot_token",
    "npm_token",
    "pypi_token",
    "huggingface_token",
    "shopify_token",
    "email",
    "iban",
    "card",
    "phone",
    "us_ssn",
    "mac_address",
    "ipv4",
    "ipv6",
]
"""A kind of content that is found in texts; docs/sdk-privacy.md shows an example of each."""

DETECTORS: tuple[Detector, ...] = get_args(Detector)
"""All detectors, in the order in which they look at a text."""

SENSITIVE_KEYS: tuple[str, ...] = (
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "pin",
    "secret",
    "client_secret",
    "secret_key",
    "secret_access_key",
    "aws_secret_access_key",
    "private_key",
    "api_key",
    "x_api_key",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "auth_token",
    "authorization",
    "proxy_authorization",
    "cookie",
    "set_cookie",
    "session_id",
    "card_number",
    "cvv",
    "cvc",
    "ssn",
)
"""Keys whose values go, whatever they are; capitals, `_`, `-` and blanks make no difference."""

Redact: TypeAlias = "Callable[[dict[str, Any]], Mapping[str, Any]]"
"""Takes an event's data, a copy, and returns what may be sent of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """What is taken out of events, before they are queued.

    Attributes:
        detectors: what is looked for in texts.
        keys: names of keys whose values go, at any depth.
        paths: places in data whose values go: `customer.email`, `items[].serial`, `answers.*`.
        patterns: further patterns by the names that stand in their place; each is searched in
            every text, so it should be quick.
        function: sees the data last, and returns what may be sent of it.
        hash_key: at least 16 bytes; what tells people apart is then replaced by a keyed hash, the
            same wherever the key is the same. Secrets are masked all the same.
        hash_run_id: send a hash in place of every run id; needs `hash_key`.
    """

    detectors: Collection[Detector] = DETECTORS
    keys: Collection[str] = SENSITIVE_KEYS
    paths: Collection[str] = ()
    patterns: Mapping[str, str | re.Pattern[str]] = field(default_factory=dict[str, Any])
    function: Redact | None = None
    hash_key: str | bytes | None = field(default=None, repr=False)
    hash_run_id: bool = False

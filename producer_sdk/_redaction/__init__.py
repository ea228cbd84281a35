"""Redaction settings: what to take out of events. The code that does it is loaded when it is used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from producer_sdk._errors import UsageError

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Collection, Mapping

    from producer_sdk._redaction.redactor import Redactor
    from producer_sdk._wire import OnTexts

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
"""A kind of content to look for in texts; docs/sdk-privacy.md shows an example of each."""

DETECTORS: tuple[Detector, ...] = get_args(Detector)
"""All detectors, in the order in which they search a text."""

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
"""Keys whose values are always redacted; case, `_`, `-` and blanks make no difference."""

Redact: TypeAlias = "Callable[[dict[str, Any]], Mapping[str, Any]]"
"""Takes a copy of an event's data and returns the part that may be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """Redaction settings, applied to events before they are queued.

    Attributes:
        detectors: the kinds of content to look for in texts.
        keys: names of keys whose values are redacted, at any depth.
        paths: places in data whose values are redacted: `customer.email`, `items[].serial`,
            `answers.*`.
        patterns: regular expressions of your own, by the names that replace what they find; each is
            searched in every text, so it should be fast.
        function: gets the data last and returns the part that may be sent.
        hash_key: at least 16 bytes; personal data is then replaced by a keyed hash, the same
            wherever the key is the same. Secrets are masked all the same.
        hash_run_id: send a hash in place of every run id; needs `hash_key`.
    """

    detectors: Collection[Detector] = DETECTORS
    keys: Collection[str] = SENSITIVE_KEYS
    paths: Collection[str] = ()
    patterns: Mapping[str, str | re.Pattern[str]] = field(default_factory=dict[str, Any])
    function: Redact | None = None
    hash_key: str | bytes | None = field(default=None, repr=False)
    hash_run_id: bool = False


def open_redactor(redaction: Redaction | None, on_texts: OnTexts) -> Redactor | None:
    """Return the redactor for these settings, None if nothing is to be redacted.

    Raises:
        UsageError: the settings cannot be used.
    """
    if redaction is None:
        return None
    # Compiles some thirty patterns, which a service that redacts nothing does not pay for.
    from producer_sdk._redaction.redactor import Redactor  # noqa: PLC0415 -- see above

    try:
        return Redactor(redaction, on_texts)
    except UsageError:
        raise
    except Exception as error:
        message = f"redact cannot be used: it raised {type(error).__name__} when it was read"
        raise UsageError("redact", message) from error

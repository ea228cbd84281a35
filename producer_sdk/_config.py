"""All settings of the SDK, declared once: argument of `initialize`, else environment, else default."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from producer_sdk import _setting_parsers as parsers
from producer_sdk._errors import UsageError, closest, meant
from producer_sdk._wire import EVENTS_TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from producer_sdk._redaction import Redaction

ENV_PREFIX = "DULY_"
SYSTEM_CA = "system"
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
DEFAULT_URL = "http://localhost:13370"
"""The default address of a Business-Use server."""

ALIASES = {"max_queue_size": "max_queue_events"}
"""Other names of arguments: those of the Business-Use SDK."""

COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")

_ON, _OFF, _NONE = True, False, None


def _setting(
    default: Any,
    parse: Callable[[str, Any], Any],
    env: str,
    description: str,
    *,
    fallback_env: str = "",
    vital: bool = False,
    secret: bool = False,
) -> Any:
    """Declare a setting.

    Args:
        default: the value where nothing is given.
        parse: one of the parsers.
        env: the environment variable, without prefix.
        description: a sentence; units belong in the name.
        fallback_env: another variable, with its prefix, read where the first is not set.
        vital: if it cannot be used, nothing is sent: events would go to the wrong place, or
            unprotected.
        secret: never shown.
    """
    metadata = {
        "parse": parse,
        "env": ENV_PREFIX + env,
        "fallback_env": fallback_env,
        "description": description,
        "vital": vital,
    }
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of the SDK; read once, by `initialize`."""

    bootstrap_servers: tuple[str, ...] = _setting(
        (),
        parsers.servers,
        "BROKER",
        "Kafka bootstrap servers, `host:port`, several by commas.",
        vital=True,
    )
    url: str = _setting(
        "",
        parsers.url,
        "URL",
        "The server's address; sends over HTTP where no broker is set.",
        fallback_env="BUSINESS_USE_URL",
        vital=True,
    )
    api_key: str = _setting(
        "",
        parsers.key,
        "API_KEY",
        "The API key of the HTTP server.",
        fallback_env="BUSINESS_USE_API_KEY",
        vital=True,
        secret=True,
    )
    batch_size: int = _setting(
        50, parsers.number(1, 10_000), "BATCH_SIZE", "Events in one HTTP request, 50 at most."
    )
    batch_interval: float = _setting(
        5.0,
        parsers.seconds(0, 3600),
        "BATCH_INTERVAL",
        "Seconds to gather events into one HTTP request.",
    )
    topic_prefix: str = _setting(
        "",
        parsers.text,
        "TOPIC_PREFIX",
        "A prefix of the topic's name, the same as in the worker's settings.",
        vital=True,
    )
    disabled: bool = _setting(
        _OFF,
        parsers.flag,
        "DISABLED",
        "Turns every call into a no-op, which is counted.",
        vital=True,
    )
    client_id: str = _setting(
        "duly-sdk", parsers.text, "CLIENT_ID", "The client id in the broker's logs and quotas."
    )
    linger_ms: int = _setting(
        10,
        parsers.number(0, 10_000),
        "LINGER_MS",
        "Milliseconds to gather events into one request.",
    )
    compression: str = _setting(
        "none",
        parsers.one_of(*COMPRESSIONS),
        "COMPRESSION",
        "none or gzip; snappy, lz4 and zstd need the package cramjam.",
    )
    max_queue_events: int = _setting(
        100_000,
        parsers.number(1, 100_000_000),
        "MAX_QUEUE_EVENTS",
        "Events that may wait; over it, the oldest are dropped.",
    )
    max_queue_bytes: int = _setting(
        64 * 1024 * 1024,
        parsers.number(1024 * 1024, 64 * 1024**3),
        "MAX_QUEUE_BYTES",
        "Bytes of memory for waiting events; over it, the oldest are dropped.",
    )
    spool_dir: str = _setting(
        "",
        parsers.text,
        "SPOOL_DIR",
        "A folder for events that do not fit in memory or could not be delivered.",
    )
    spool_max_bytes: int = _setting(
        1024**3,
        parsers.number(1024 * 1024, 1024**4),
        "SPOOL_MAX_BYTES",
        "Bytes of the spool of one process; over it, the oldest events are dropped.",
    )
    exit_timeout_ms: int = _setting(
        5_000,
        parsers.number(0, 600_000),
        "EXIT_TIMEOUT_MS",
        "Milliseconds that the exit of the interpreter waits for deliveries.",
    )
    idempotence: bool = _setting(
        _ON,
        parsers.flag,
        "IDEMPOTENCE",
        "Uses an idempotent producer; turn it off only for a broker that has none.",
    )
    ssl_ca: str = _setting(
        "",
        parsers.text,
        "SSL_CA",
        "Turns TLS on: a PEM file of certificate authorities, or `system` for those of the "
        "operating system.",
        vital=True,
    )
    sasl_mechanism: str = _setting(
        "",
        parsers.one_of(*SASL_MECHANISMS),
        "SASL_MECHANISM",
        "Turns SASL on: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.",
        vital=True,
    )
    sasl_username: str = _setting(
        "", parsers.text, "SASL_USERNAME", "The user name for SASL.", vital=True
    )
    sasl_password: str = _setting(
        "", parsers.text, "SASL_PASSWORD", "The password for SASL.", vital=True, secret=True
    )
    sasl_allow_plaintext: bool = _setting(
        _OFF,
        parsers.flag,
        "SASL_ALLOW_PLAINTEXT",
        "Allows SASL without TLS, which sends the password in clear text.",
    )

    redact: Redaction | None = _setting(  # noqa: RUF009 -- a field, like the others
        _NONE,
        parsers.redaction,
        "REDACT",
        "What to take out of events before they are queued: True for all defaults, a "
        "`Redaction`, or a function.",
        vital=True,
    )

    @property
    def destination(self) -> str:
        """The broker or server that events are sent to, for messages."""
        return (
            f"Kafka at {','.join(self.bootstrap_servers)}" if self.bootstrap_servers else self.url
        )

    @property
    def topic(self) -> str:
        """The topic that events are written to."""
        return self.topic_prefix + EVENTS_TOPIC


class Resolved(NamedTuple):
    """A configuration and the problems found.

    Attributes:
        config: the configuration; a setting that could not be used has its default.
        problems: settings that could not be used as given.
        obstacle: why nothing may be sent, None if events may be sent.
    """

    config: Config
    problems: list[UsageError]
    obstacle: UsageError | None


def resolve(arguments: Mapping[str, Any], environment: Mapping[str, str]) -> Resolved:
    """Resolve the configuration: arguments win over the environment, and that over defaults.

    Args:
        arguments: of `initialize`; None is the same as left out.
        environment: `os.environ`; an empty variable is the same as none.
    """
    arguments = _without_aliases(arguments)
    reader = _SettingsReader()
    for name in arguments:
        if name not in _SETTINGS:
            reader.refuse_unknown(name)
    for name in _SETTINGS:
        reader.read(name, arguments, environment)
    if "api_key" in reader.values and not reader.values.get("bootstrap_servers"):
        reader.values.setdefault("url", DEFAULT_URL)
    config = Config(**reader.values)
    return Resolved(config, reader.problems, reader.obstacle or _obstacle(config))


def _without_aliases(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with aliases replaced; a setting given by both names has the value of its own."""
    named = {name: value for name, value in arguments.items() if name not in ALIASES}
    for alias, name in ALIASES.items():
        if named.get(name) is None and alias in arguments:
            named[name] = arguments[alias]
    return named


class _SettingsReader:
    """Reads all settings once and collects the problems."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.problems: list[UsageError] = []
        self.obstacle: UsageError | None = None

    def read(self, name: str, arguments: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        metadata = _SETTINGS[name]
        source, given = name, arguments.get(name)
        if given is None:
            source = metadata["env"]
            given = environment.get(source) or None
        if given is None and metadata["fallback_env"]:
            source = metadata["fallback_env"]
            given = environment.get(source) or None
        if given is None:
            return
        try:
            self.values[name] = metadata["parse"](source, given)
        except UsageError as error:
            self._refuse(error, vital=metadata["vital"])

    def refuse_unknown(self, name: str) -> None:
        close = closest(name, [*_SETTINGS, *ALIASES])
        error = UsageError(name, f"there is no setting {name}{meant(close)}")
        self._refuse(error, vital=close in _SETTINGS and _SETTINGS[close]["vital"])

    def _refuse(self, error: UsageError, *, vital: bool) -> None:
        self.problems.append(error)
        if vital:
            self.obstacle = error


def _obstacle(config: Config) -> UsageError | None:
    if config.disabled:
        return None
    if not config.bootstrap_servers:
        return _http_obstacle(config)
    login = (config.sasl_mechanism, config.sasl_username, config.sasl_password)
    if any(login) and not all(login):
        return UsageError(
            "sasl_mechanism", "SASL needs sasl_mechanism, sasl_username and sasl_password together"
        )
    if config.sasl_mechanism and not config.ssl_ca and not config.sasl_allow_plaintext:
        return UsageError(
            "sasl_mechanism",
            "SASL without TLS sends the password in clear text: set ssl_ca, "
            "or sasl_allow_plaintext if the network is trusted",
        )
    return None


def _http_obstacle(config: Config) -> UsageError | None:
    if not config.url:
        return UsageError(
            "bootstrap_servers",
            "no broker is set: pass bootstrap_servers= or set DULY_BROKER; "
            "to send over HTTP, pass url= and api_key=",
        )
    if not config.api_key:
        return UsageError("api_key", "url needs a key: pass api_key= or set DULY_API_KEY")
    return None


_SETTINGS: dict[str, Mapping[str, Any]] = {item.name: item.metadata for item in fields(Config)}

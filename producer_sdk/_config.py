"""Every setting of the SDK, declared once: argument of `initialize`, else environment, else default."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from producer_sdk._errors import UsageError, closest, meant
from producer_sdk._redaction import Redaction
from producer_sdk._wire import EVENTS_TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from producer_sdk._redaction import Redact

ENV_PREFIX = "DULY_"
SYSTEM_CA = "system"
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
DEFAULT_URL = "http://localhost:13370"
"""Where Business-Use's server listens."""

ALIASES = {"max_queue_size": "max_queue_events"}
"""Arguments by the name that the SDK of Business-Use gives them."""

COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")

_ON, _OFF, _NONE = True, False, None
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


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
        default: its value where nothing is given.
        parse: takes its name and what is given, an object or the text of the environment.
        env: the environment variable, without prefix.
        description: a sentence; units belong into the name.
        fallback_env: another variable, whole, where the first is not set.
        vital: without it as given, events would go elsewhere, or readable to others.
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


def _text(name: str, given: Any) -> str:
    if isinstance(given, os.PathLike):
        given = os.fspath(cast("os.PathLike[str]", given))
    if not isinstance(given, str) or not given:
        raise UsageError(name, f"{name} must be a text")
    return given


def _flag(name: str, given: Any) -> bool:
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.lower() in _TRUE | _FALSE:
        return given.lower() in _TRUE
    raise UsageError(name, f"{name} must be true or false")


def _servers(name: str, given: Any) -> tuple[str, ...]:
    listed = given.split(",") if isinstance(given, str) else given
    try:
        servers = tuple(str(item).strip() for item in cast("Iterable[object]", listed))
    except TypeError:
        servers = ()
    if not servers or not all(_is_server(server) for server in servers):
        raise UsageError(name, f"{name} must be host:port, several separated by commas")
    return servers


def _is_server(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    return bool(host and colon) and port.isdecimal()


def _url(name: str, given: Any) -> str:
    from urllib.parse import urlsplit  # noqa: PLC0415 -- only who sends over HTTP pays for it

    try:
        parts = urlsplit(_text(name, given))
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    else:
        sound = sound and not (parts.username or parts.password or parts.query or parts.fragment)
    if not sound:
        raise UsageError(
            name, f"{name} must be http:// or https://, a host, and no more than a path"
        )
    return str(given).rstrip("/")


def _key(name: str, given: Any) -> str:
    if not isinstance(given, str) or not given.isascii() or not given.isprintable():
        raise UsageError(name, f"{name} must be a text of visible ASCII characters")
    return given.strip()


def _seconds(least: float, most: float) -> Callable[[str, Any], float]:
    def parse(name: str, given: Any) -> float:
        try:
            seconds = math.nan if isinstance(given, bool) else float(given)
        except (TypeError, ValueError):
            seconds = math.nan
        if not least <= seconds <= most:
            raise UsageError(name, f"{name} must be seconds from {least:g} to {most:g}")
        return seconds

    return parse


def _number(least: int, most: int) -> Callable[[str, Any], int]:
    def parse(name: str, given: Any) -> int:
        try:
            number = int(given) if not isinstance(given, bool | float) else None
        except (TypeError, ValueError):
            number = None
        if number is None or not least <= number <= most:
            raise UsageError(name, f"{name} must be an integer from {least} to {most}")
        return number

    return parse


def _one_of(*allowed: str) -> Callable[[str, Any], str]:
    def parse(name: str, given: Any) -> str:
        if given not in allowed:
            raise UsageError(name, f"{name} must be one of {', '.join(allowed)}")
        return str(given)

    return parse


def _redaction(name: str, given: Any) -> Redaction | None:
    if isinstance(given, bool | str):
        return Redaction() if _flag(name, given) else None
    if callable(given):
        function = cast("Redact", given)
        given = Redaction(detectors=(), keys=(), function=function)
    if not isinstance(given, Redaction):
        raise UsageError(name, f"{name} must be True, a Redaction or a function")
    return given


@dataclass(frozen=True, slots=True)
class Config:
    """All that the SDK can be told; read once, at `initialize`."""

    bootstrap_servers: tuple[str, ...] = _setting(
        (),
        _servers,
        "BROKER",
        "Kafka bootstrap servers, `host:port`, several by commas.",
        vital=True,
    )
    url: str = _setting(
        "",
        _url,
        "URL",
        "Sends over HTTP instead of to Kafka, where no broker is set: the server's address.",
        fallback_env="BUSINESS_USE_URL",
        vital=True,
    )
    api_key: str = _setting(
        "",
        _key,
        "API_KEY",
        "The key that the HTTP server asks for.",
        fallback_env="BUSINESS_USE_API_KEY",
        vital=True,
        secret=True,
    )
    batch_size: int = _setting(
        50, _number(1, 10_000), "BATCH_SIZE", "How many events an HTTP request has, 50 at most."
    )
    batch_interval: float = _setting(
        5.0,
        _seconds(0, 3600),
        "BATCH_INTERVAL",
        "How long in seconds events are gathered into one HTTP request.",
    )
    topic_prefix: str = _setting(
        "",
        _text,
        "TOPIC_PREFIX",
        "Put before the topic's name, as in the worker's setting.",
        vital=True,
    )
    disabled: bool = _setting(
        _OFF, _flag, "DISABLED", "Turns every call into a no-op that is counted.", vital=True
    )
    client_id: str = _setting(
        "duly-sdk", _text, "CLIENT_ID", "The name by which the broker's logs and quotas know it."
    )
    linger_ms: int = _setting(
        10, _number(0, 10_000), "LINGER_MS", "How long in ms events are gathered into one request."
    )
    compression: str = _setting(
        "none",
        _one_of(*COMPRESSIONS),
        "COMPRESSION",
        "none, gzip, or snappy, lz4, zstd where the package cramjam is installed.",
    )
    max_queue_events: int = _setting(
        100_000,
        _number(1, 100_000_000),
        "MAX_QUEUE_EVENTS",
        "How many events may wait; then the oldest are dropped.",
    )
    max_queue_bytes: int = _setting(
        64 * 1024 * 1024,
        _number(1024 * 1024, 64 * 1024**3),
        "MAX_QUEUE_BYTES",
        "How many bytes of memory waiting events may take; then the oldest are dropped.",
    )
    spool_dir: str = _setting(
        "",
        _text,
        "SPOOL_DIR",
        "A folder for events that have no room in memory or that could not be delivered.",
    )
    spool_max_bytes: int = _setting(
        1024**3,
        _number(1024 * 1024, 1024**4),
        "SPOOL_MAX_BYTES",
        "How many bytes of the spool a process may take; then the oldest events are dropped.",
    )
    exit_timeout_ms: int = _setting(
        5_000,
        _number(0, 600_000),
        "EXIT_TIMEOUT_MS",
        "How long in ms the exit of the interpreter waits for events that are not yet delivered.",
    )
    idempotence: bool = _setting(
        _ON,
        _flag,
        "IDEMPOTENCE",
        "Writes with an idempotent producer; turn it off only for a broker that has none.",
    )
    ssl_ca: str = _setting(
        "",
        _text,
        "SSL_CA",
        "Turns TLS on: a PEM file of certificate authorities, or `system` for those of the "
        "operating system.",
        vital=True,
    )
    sasl_mechanism: str = _setting(
        "",
        _one_of(*SASL_MECHANISMS),
        "SASL_MECHANISM",
        "Turns SASL on: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.",
        vital=True,
    )
    sasl_username: str = _setting("", _text, "SASL_USERNAME", "The user name for SASL.", vital=True)
    sasl_password: str = _setting(
        "", _text, "SASL_PASSWORD", "The password for SASL.", vital=True, secret=True
    )
    sasl_allow_plaintext: bool = _setting(
        _OFF,
        _flag,
        "SASL_ALLOW_PLAINTEXT",
        "Allows SASL without TLS, which shows the password to the network.",
    )

    redact: Redaction | None = _setting(  # noqa: RUF009 -- a field, as the others
        _NONE,
        _redaction,
        "REDACT",
        "What is taken out of events before they are queued: True for all that is built in, a "
        "`Redaction`, or a function.",
        vital=True,
    )

    @property
    def destination(self) -> str:
        """Where events go, for people."""
        return (
            f"Kafka at {','.join(self.bootstrap_servers)}" if self.bootstrap_servers else self.url
        )

    @property
    def topic(self) -> str:
        """The topic that events go to."""
        return self.topic_prefix + EVENTS_TOPIC


class Resolved(NamedTuple):
    """A configuration and what is wrong with what was given.

    Attributes:
        config: the configuration; what was wrong has its default.
        problems: settings that were not taken as given.
        obstacle: why nothing may be sent with it, None if all is well.
    """

    config: Config
    problems: list[UsageError]
    obstacle: UsageError | None


def resolve(arguments: Mapping[str, Any], environment: Mapping[str, str]) -> Resolved:
    """Return the configuration of arguments over environment over defaults.

    Args:
        arguments: of `initialize`; None is the same as left out.
        environment: `os.environ`; an empty variable is the same as none.
    """
    arguments = _by_our_names(arguments)
    reading = _Reading()
    for name in arguments:
        if name not in _SETTINGS:
            reading.refuse_unknown(name)
    for name in _SETTINGS:
        reading.read(name, arguments, environment)
    if "api_key" in reading.values and not reading.values.get("bootstrap_servers"):
        reading.values.setdefault("url", DEFAULT_URL)
    config = Config(**reading.values)
    return Resolved(config, reading.problems, reading.obstacle or _obstacle(config))


def _by_our_names(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments by the names of our settings; one given by both names has the value of ours."""
    named = {name: value for name, value in arguments.items() if name not in ALIASES}
    for alias, name in ALIASES.items():
        if named.get(name) is None and alias in arguments:
            named[name] = arguments[alias]
    return named


class _Reading:
    """One reading of all settings."""

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
            "SASL without TLS shows the password to the network: set ssl_ca, "
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

r"""Built-in detectors: for each a pattern, gates that tell if a search is worthwhile, and a check.

Every pattern takes linear time on any text: repetitions are bounded, or possessive (`{1,64}+`)
behind a look-behind that keeps an attempt from starting inside a run that an earlier one has read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from producer_sdk._redaction import check_digits

if TYPE_CHECKING:
    from collections.abc import Callable

    from producer_sdk._redaction import Detector

View: TypeAlias = Literal["lower", "shape", "hex", "tokens", "solid", "digits", "unhexed"]
"""A transformed copy of the text, in which gates search.

- `lower` is in lower case.
- `shape` has 0 for each digit and A for each capital.
- `hex` has h for each hexadecimal digit.
- `tokens` has t for each character of tokens: letters, digits and `_-.~+/=`.
- `solid` has s for each letter and digit.
- `digits` has 0 for each digit, and no separators that may stand within a number.
- `unhexed` has no hexadecimal digits, so the separators of an address are adjacent.
"""


class Gate(NamedTuple):
    """A cheap test of an encoded event: without a match, a detector need not search.

    Attributes:
        view: the copy of the text to search.
        needle: bytes that must be in it.
        pattern: a pattern that must match too; None if the needle is enough. It begins with a
            literal character, which makes a search fast.
        behind: a gate that is closed for most texts, and always if this one is; this one is tested
            only if that one is open.
    """

    view: View
    needle: bytes
    pattern: re.Pattern[bytes] | None = None
    behind: Gate | None = None


class Rule(NamedTuple):
    """One detector.

    Attributes:
        name: its name.
        pattern: finds candidates.
        gates: it searches if any of them is open; without gates, always.
        check: returns how many characters of a candidate are the finding; None if all are.
        group: the group of the pattern that is the candidate.
        is_secret: findings are masked and never hashed, because nobody needs to join on them.
    """

    name: str
    pattern: re.Pattern[str]
    gates: tuple[Gate, ...] = ()
    check: Callable[[str], int] | None = None
    group: int = 0
    is_secret: bool = False


def _secret(
    name: Detector,
    pattern: str,
    *needles: bytes,
    behind: Gate | None = None,
    check: Callable[[str], int] | None = None,
    group: int = 0,
) -> Rule:
    """Return a rule for a secret with a known marker: any of `needles`, in lower case."""
    gates = tuple(Gate("lower", needle, behind=behind) for needle in needles)
    return Rule(name, re.compile(pattern, re.ASCII), gates, check, group, is_secret=True)


def _identity(
    name: Detector,
    pattern: str,
    *gates: Gate,
    check: Callable[[str], int] | None = None,
    flags: re.RegexFlag = re.ASCII,
) -> Rule:
    """Return a rule for data that identifies people or machines."""
    return Rule(name, re.compile(pattern, flags), gates, check)


_TOKEN_CHARS = 15
"""The shortest Slack token; other tokens are longer, and most words, dates and times shorter."""

_SOLID_CHARS = 20
"""Letters and digits in a row of many tokens; a UUID has 12, and hardly any word has more."""

_NUMBER_DIGITS = 9
"""The digits of an SSN; other numbers have more."""

_TOKEN = Gate("tokens", b"t" * _TOKEN_CHARS)
_SOLID = Gate("solid", b"s" * _SOLID_CHARS, behind=_TOKEN)
_NUMBER = Gate("digits", b"0" * _NUMBER_DIGITS)
_COLONS, _DASHES, _DOTS = (Gate("unhexed", sign) for sign in (b":" * 5, b"-" * 5, b"." * 3))
_BASIC, _EQUALS, _SCHEME = (Gate("lower", sign) for sign in (b"basic", b"=", b"://"))

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_NANP = re.compile(rb"000[-. )] ?000[-.]0000(?![0A])")
_HEX_PAIR = r"[0-9A-Fa-f]{2}"
_PEM_NAME = r"[A-Z0-9 ]{0,40}+(?:(?<=PRIVATE KEY)|(?<=PRIVATE KEY BLOCK))"

SECRETS: Final = (
    _secret(
        "private_key",
        rf"(?s)-----BEGIN {_PEM_NAME}-----.*?(?:-----END {_PEM_NAME}-----|\Z)",
        b"private key",
        behind=_DASHES,
    ),
    _secret(
        "jwt",
        r"(?<![\w-])eyJ[\w-]{12,}+\.[\w-]{2,}+\.[\w-]{2,}+(?:\.[\w-]*+){0,2}",
        b"eyj",
        behind=_TOKEN,
    ),
    _secret(
        "bearer_token",
        r"(?<!\w)(?i:bearer)[ \t]{1,4}([\w.~+/-]{16,}+=*+)",
        b"bearer ",
        b"bearer\\t",
        behind=Gate("lower", b"bearer", behind=_TOKEN),
        check=check_digits.has_digit,
        group=1,
    ),
    _secret(
        "basic_auth",
        r"(?<!\w)(?i:basic)[ \t]{1,4}([A-Za-z0-9+/]{6,}+={0,2})",
        b"basic ",
        b"basic\\t",
        behind=_BASIC,
        check=check_digits.user_and_password,
        group=1,
    ),
    _secret(
        "url_credentials",
        r"://([^\s/:@\"']{0,128}:[^\s/@\"']{1,256})@",
        b"@",
        behind=_SCHEME,
        group=1,
    ),
    _secret(
        "assigned_secret",
        r"(?<![A-Za-z])(?i:password|passwd|pwd|secret|token|api_?key|access_?key)"
        r"=([^\s\"'&,;\[\]{}<>]{6,}+)",
        *(b"assword=", b"asswd=", b"pwd=", b"ecret=", b"oken=", b"key="),
        behind=_EQUALS,
        group=1,
    ),
    _secret(
        "aws_access_key",
        r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])",
        *(b"akia", b"asia", b"abia", b"acca"),
        behind=Gate("shape", b"AAAA", behind=_SOLID),
    ),
    _secret(
        "aws_secret_key",
        r"(?i:secret[_ ]?access[_ ]?key)[\"' \t]{0,4}[:=][\"' \t]{0,4}"
        r"([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
        b"secret",
        behind=_TOKEN,
        group=1,
    ),
    _secret(
        "azure_storage_key",
        r"AccountKey=([A-Za-z0-9+/]{86}==)",
        b"accountkey=",
        behind=_TOKEN,
        group=1,
    ),
    _secret(
        "github_token",
        r"(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{36,255}+|github_pat_[A-Za-z0-9]{20}\w{2,235}+)",
        *(b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_"),
        behind=_SOLID,
    ),
    _secret("gitlab_token", r"(?<!\w)glpat-[\w-]{20,}+", b"glpat-", behind=_TOKEN),
    _secret(
        "stripe_key",
        r"(?<!\w)(?:[sr]k_(?:live|test)_[A-Za-z0-9]{10,}+|whsec_[A-Za-z0-9+/]{20,}+=*+)",
        *(b"k_live_", b"k_test_", b"whsec_"),
        behind=_TOKEN,
    ),
    _secret(
        "openai_key",
        r"(?<![\w-])sk-(?!ant-)(?:proj-|svcacct-|admin-)?[\w-]{20,}+",
        b"sk-",
        behind=_TOKEN,
        check=check_digits.has_digit,
    ),
    _secret("anthropic_key", r"(?<![\w-])sk-ant-[\w-]{20,}+", b"sk-ant-", behind=_TOKEN),
    _secret(
        "slack_token", r"(?<!\w)(?:xox[abeoprs]|xapp)-[\w-]{10,}+", b"xox", b"xapp-", behind=_TOKEN
    ),
    _secret(
        "slack_webhook",
        r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[\w/+-]{20,}+",
        b"hooks.slack.com",
        behind=_SCHEME,
    ),
    _secret("google_api_key", r"(?<![\w-])AIza[\w-]{35}(?![\w-])", b"aiza", behind=_TOKEN),
    _secret("google_oauth_token", r"(?<![\w.-])ya29\.[\w-]{20,}+", b"ya29.", behind=_TOKEN),
    _secret("sendgrid_key", r"(?<!\w)SG\.[\w-]{16,32}\.[\w-]{16,64}", b"sg.", behind=_TOKEN),
    Rule(
        "twilio_key",
        re.compile(r"(?<!\w)(?:SK|AC)[0-9a-f]{32}(?!\w)", re.ASCII),
        (Gate("hex", b"h" * 32, behind=_SOLID),),
        is_secret=True,
    ),
    Rule(
        "telegram_bot_token",
        re.compile(r"(?<!\w)\d{8,10}:[\w-]{35}(?![\w-])", re.ASCII),
        (Gate("shape", b"00000000:", behind=_TOKEN),),
        is_secret=True,
    ),
    _secret("npm_token", r"(?<!\w)npm_[A-Za-z0-9]{36}(?!\w)", b"npm_", behind=_SOLID),
    _secret("pypi_token", r"(?<!\w)pypi-[\w-]{50,}+", b"pypi-", behind=_TOKEN),
    _secret("huggingface_token", r"(?<!\w)hf_[A-Za-z0-9]{30,}+", b"hf_", behind=_SOLID),
    _secret(
        "shopify_token", r"(?<!\w)shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}(?!\w)", b"shp", behind=_SOLID
    ),
)

IDENTITIES: Final = (
    _identity(
        "email",
        r"(?<![\w.%+-])(?<!//)[\w.%+-]{1,64}+@(?:[\w-]{1,63}+\.){1,8}[^\W\d_]{2,24}(?![\w-])",
        Gate("lower", b"@"),
        flags=re.UNICODE,
    ),
    _identity(
        "iban",
        r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![A-Za-z0-9])",
        Gate("shape", b"AA00"),
        check=check_digits.iban,
    ),
    _identity(
        "card",
        r"(?<![\w.])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}([ -])\d{6}\2\d{4,5})"
        r"(?!\w|\.\d)",
        Gate(
            "shape",
            b"0000",
            re.compile(rb"0000(?:0{9}|[ -]0{4,6}[ -]0000)"),
            behind=_NUMBER,
        ),
        check=check_digits.card,
    ),
    _identity(
        "phone",
        r"(?<![\w+])\+[1-9](?:[ .()/-]{0,2}\d){7,14}(?!\w)"
        r"|(?<![\w.-])(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])[2-9]\d\d[-.]\d{4}(?![\w-])",
        Gate("shape", b"+0", re.compile(rb"\+0[ .()/0-]{7}")),
        Gate("shape", b"000-0000", _NANP, behind=_NUMBER),
        Gate("shape", b"000.0000", _NANP, behind=_NUMBER),
        check=check_digits.phone,
    ),
    _identity(
        "us_ssn",
        r"(?<![\w-])(?!000|666|9)\d{3}([- ])(?!00)\d\d\1(?!0000)\d{4}(?![\w-])",
        Gate("shape", b"000-00-0000", behind=_NUMBER),
        Gate("shape", b"000 00 0000", behind=_NUMBER),
    ),
    _identity(
        "mac_address",
        rf"(?<![\w:-]){_HEX_PAIR}([:-])(?:{_HEX_PAIR}\1){{4}}{_HEX_PAIR}(?![\w:-])",
        Gate("hex", b"hh:hh:hh:hh:hh:hh", behind=_COLONS),
        Gate("hex", b"hh-hh-hh-hh-hh-hh", behind=_DASHES),
    ),
    _identity(
        "ipv4",
        rf"(?<![\w.]){_OCTET}(?:\.{_OCTET}){{3}}(?!\w|\.\w)",
        Gate("shape", b"0.0", re.compile(rb"\.0{1,3}\.0{1,3}\.0"), behind=_DOTS),
        check=check_digits.ipv4,
    ),
    _identity(
        "ipv6",
        r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{3,39}(?![\w:])",
        Gate("lower", b"::"),
        Gate("unhexed", b":" * 7, behind=_COLONS),
        check=check_digits.ipv6,
    ),
)

RULES: Final = {rule.name: rule for rule in (*SECRETS, *IDENTITIES)}
"""All built-in detectors by name. Secrets come first: their masks do not look like identities."""

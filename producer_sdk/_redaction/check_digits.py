"""Checks of detector candidates: check digits, lengths and ranges.

Each check takes a candidate and returns how many of its characters are the finding, 0 for none.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress

_COUNTRIES_BY_IBAN_CHARS = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB NI PL",
    29: "BR EG PS QA UA",
    30: "JO KW MU",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
"""From SWIFT's registry of IBANs."""

_IBAN_CHARS = {
    country: chars
    for chars, countries in _COUNTRIES_BY_IBAN_CHARS.items()
    for country in countries.split()
}
_BRANDS = (
    (range(4000, 5000), {13, 16, 19}),  # Visa
    (range(5100, 5600), {16}),  # Mastercard
    (range(2221, 2721), {16}),  # Mastercard
    (range(3400, 3500), {15}),  # American Express
    (range(3700, 3800), {15}),  # American Express
    (range(3000, 3060), {14, 16, 19}),  # Diners Club
    (range(3600, 3700), {14, 16, 19}),  # Diners Club
    (range(3800, 4000), {14, 16, 19}),  # Diners Club
    (range(3528, 3590), {16, 19}),  # JCB
    (range(6011, 6012), {16, 19}),  # Discover
    (range(6440, 6600), {16, 19}),  # Discover
    (range(6200, 6300), {16, 19}),  # UnionPay
)
"""The first four digits of a brand's card numbers, and their lengths."""

_LOCAL_IPV4 = {"0.0.0.0", "127.0.0.1", "255.255.255.255"}  # noqa: S104 -- nothing is bound here
_IPV6_COLONS = 7
_PHONE_DIGITS = range(8, 16)
_LUHN = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
"""The digit sum of each digit doubled."""


def card(candidate: str) -> int:
    """Accept a card number: range and length of a brand, and a valid Luhn digit."""
    digits = candidate.replace(" ", "").replace("-", "")
    return len(candidate) if _is_of_a_brand(digits) and _luhn(digits) else 0


def iban(candidate: str) -> int:
    """Accept an IBAN: its country's length, and valid check digits (ISO 7064, mod 97)."""
    length = _IBAN_CHARS.get(candidate[:2], 0)
    end, found = 0, ""
    for end, char in enumerate(candidate):  # noqa: B007 -- read below
        if len(found) == length:
            break
        found += char.strip()
    else:
        end = len(candidate)
    if len(found) != length or (end < len(candidate) and candidate[end] != " "):
        return 0
    moved = found[4:] + found[:4]
    return end if int("".join(str(int(char, 36)) for char in moved)) % 97 == 1 else 0


def phone(candidate: str) -> int:
    """Accept a number of digits that E.164 allows; national numbers are included."""
    return len(candidate) if sum(map(str.isdigit, candidate)) in _PHONE_DIGITS else 0


def ipv4(candidate: str) -> int:
    """Accept any address except those that every machine has."""
    return 0 if candidate in _LOCAL_IPV4 else len(candidate)


def ipv6(candidate: str) -> int:
    """Accept any address except `::` and `::1`, which every machine has."""
    address = (
        candidate.rstrip(":") if candidate.endswith(":") and candidate[-2:] != "::" else candidate
    )
    if "::" not in address and address.count(":") != _IPV6_COLONS:
        return 0
    try:
        found = ipaddress.IPv6Address(address)
    except ValueError:
        return 0
    return 0 if found.is_loopback or found.is_unspecified else len(address)


def has_digit(candidate: str) -> int:
    """Accept text with a digit: a random token nearly always has one, a word has none."""
    return len(candidate) if any(map(str.isdigit, candidate)) else 0


def user_and_password(candidate: str) -> int:
    """Accept the base64 of `user:password`."""
    try:
        decoded = base64.b64decode(candidate + "=" * (-len(candidate) % 4), validate=True)
    except binascii.Error:
        return 0
    return len(candidate) if b":" in decoded else 0


def _is_of_a_brand(digits: str) -> bool:
    start, length = int(digits[:4]), len(digits)
    return any(start in starts and length in lengths for starts, lengths in _BRANDS)


def _luhn(digits: str) -> bool:
    total = sum(map(int, digits[-1::-2])) + sum(_LUHN[int(digit)] for digit in digits[-2::-2])
    return total % 10 == 0

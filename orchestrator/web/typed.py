"""Reads numbers as a person types them, or copies them from a page: 1e15, 3×10¹¹, 10^12, 69.6 k, 7 B, 1,200,000."""

from __future__ import annotations

import math
import re

from analysis.records import QuestionError

_SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_SUFFIXES = {"k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_POWER = re.compile(r"(?:(?P<mantissa>[+-]?[\d.]+)[×x*·])?10(?:\^|\*\*)?(?P<exponent>[+-]?\d+)", re.IGNORECASE)
_RAISED = re.compile(r"[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+$")
_UNITS = re.compile(r"(flops?|tokens?|parameters?|params?|nats/token|gpu-hours?|hours?)$", re.IGNORECASE)


def typed_number(text: str, what: str, example: str) -> float:
    """The number that was typed for `what`. Raises QuestionError, which shows the `example`."""
    plain = _UNITS.sub("", "".join(text.split())).replace("−", "-")
    value = _value(re.sub(r"(?<=\d),(?=\d{3}(?:\D|$))", "", plain))
    if value is None or not math.isfinite(value):
        raise QuestionError(f"{text!r} is not a number: type {what}, such as {example}")
    return value


def positive_number(text: str, what: str, example: str) -> float:
    """`typed_number` for what is above 0. Raises QuestionError."""
    value = typed_number(text, what, example)
    if value <= 0:
        raise QuestionError(f"type {what} above 0, such as {example}")
    return value


def _value(text: str) -> float | None:
    """A number without spaces, thousands' separators and units; None if it is none."""
    if _PLAIN.fullmatch(text):
        return float(text)
    if text[:-1] and text[-1:].lower() in _SUFFIXES and _PLAIN.fullmatch(text[:-1]):
        return float(text[:-1]) * _SUFFIXES[text[-1].lower()]
    raised = _RAISED.search(text)
    if raised is not None:
        text = f"{text[: raised.start()]}^{raised[0].translate(_SUPERSCRIPTS)}"
    found = _POWER.fullmatch(text)
    if found is None or not ("^" in text or "**" in text):
        return None
    try:
        return float(f"{found['mantissa'] or 1}e{found['exponent']}")
    except (ValueError, OverflowError):
        return None

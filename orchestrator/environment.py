"""Reads environment variables by one rule: an empty one is unset, and one that cannot be right is named."""

from __future__ import annotations

import os
from collections.abc import Mapping

from tokenizer.errors import ExpectedError

LONGEST_SHOWN = 60
"""Characters of a value that a message quotes."""


class SettingsError(ExpectedError, ValueError):
    """A setting, or a combination of settings, cannot work; the message names the variable."""

    kind = "settings"


def variable(name: str, environ: Mapping[str, str] | None = None) -> str | None:
    """The value of a variable; None if it is not set, or empty. Raises SettingsError for what is not UTF-8."""
    value = (os.environ if environ is None else environ).get(name)
    if not value:
        return None
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise SettingsError(f"{name} is {shown(value)}: this is not UTF-8") from error
    return value


def shown(value: str) -> str:
    """A value as a message quotes it: the beginning of a long one."""
    return repr(value if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]}…")

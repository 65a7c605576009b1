"""The secret that a service asks for, read from ISOFLOP_TOKEN alike by the service and by its client."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from orchestrator.settings import SettingsError

VARIABLE: Final = "ISOFLOP_TOKEN"
"""The environment variable."""
MIN_CHARACTERS: Final = 16
"""Shortest secret: guessed at a thousand tries a second, 16 random letters outlast anyone."""
MAX_CHARACTERS: Final = 1024
"""Longest secret; with a user name and in base64 it still fits into the headers that a server reads."""
_ALLOWED: Final = re.compile(r"[!-~]+")
"""What every client can send in a header: printable ASCII without spaces."""


def read_token(environ: Mapping[str, str] | None = None) -> str | None:
    """The secret, without the white space around it, such as the end of the line of a file; None without one.

    Raises SettingsError for a secret that is too short to be one, or that no header can carry.
    """
    token = (os.environ if environ is None else environ).get(VARIABLE, "").strip()
    if not token:
        return None
    if not _ALLOWED.fullmatch(token):
        raise SettingsError(f"{VARIABLE} may hold printable ASCII characters only, without spaces inside")
    if not MIN_CHARACTERS <= len(token) <= MAX_CHARACTERS:
        raise SettingsError(
            f"{VARIABLE} has {len(token)} character{'s' if len(token) != 1 else ''}: give a secret of "
            f"{MIN_CHARACTERS} to {MAX_CHARACTERS}, such as the output of: openssl rand -hex 16"
        )
    return token

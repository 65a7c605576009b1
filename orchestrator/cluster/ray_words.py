"""What Ray's errors say, in few words: its own texts are pages of ids, logs and advice."""

from __future__ import annotations

import re

START_RAY = ": start Ray again, then type this command again"
"""What to do when the head of a cluster is gone."""
SAME_TOKEN = "; does it run, and with the token of this process (RAY_AUTH_TOKEN_PATH)?"
"""What to check when a cluster cannot be joined: Ray does not say that it refused a token."""
_IN_USE = re.compile(r"was\s+([\d.]+ ?\w?B / [\d.]+ ?\w?B)")


def short_of_memory(error: Exception) -> str:
    """Why Ray ended a worker for want of memory, with what was in use if Ray says it."""
    used = _IN_USE.search(str(error))
    return "the machine's memory ran short, and Ray ended the worker" + (f": {used[1]} were in use" if used else "")


def first_line(error: Exception) -> str:
    """The kind of an error and the first line of its text."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def node_died(error: Exception) -> bool:
    """Whether a worker died with its node. Ray passes that on only in the text of the error."""
    return "node has died" in str(error)

"""The known name that was probably meant by a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def nearest(word: str, known: Sequence[str]) -> str:
    """The known word that is most like `word`, or an empty string where none is near."""
    found = difflib.get_close_matches(word[:64], known, n=1, cutoff=0.6)
    return found[0] if found else ""

"""FineWeb's own rules (Penedo et al. 2024)."""

from __future__ import annotations

from typing import Final

from tokenizer.filters.page import Page
from tokenizer.filters.repetition import repeated
from tokenizer.filters.rule import PENEDO, Rule

ENDS: Final = tuple(".!?。．｡！？؟۔।॥።։។᠃⸮‼⁇⁈⁉")
"""Signs that end a sentence."""
SHORT: Final = 30
"""Characters of a short line."""


def _ended(page: Page) -> float:
    return page.share([line.endswith(ENDS) for line in page.lines])


def _short(page: Page) -> float:
    return page.share([len(line) < SHORT for line in page.lines])


def _repeated(page: Page) -> float:
    return repeated(page.lines)[1] / max(1, len(page.text.replace("\n", "")))


FINEWEB: Final = (
    Rule("ended_lines", 0.12, _ended, "share of the lines that end as sentences do", PENEDO, at_least=True),
    Rule("short_lines", 0.67, _short, f"share of the lines of fewer than {SHORT} characters", PENEDO),
    Rule("repeated_characters", 0.1, _repeated, "share of the characters in lines that came before", PENEDO),
)
"""In the order of the paper."""

"""What a rule is: a measure of a document, or of a line, with a threshold and the paper that it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tokenizer.filters.page import Page

RAE = "Rae et al. 2021, 2112.11446, A.1"
"""Gopher."""
RAFFEL = "Raffel et al. 2019, 1910.10683, section 2.2"
"""C4."""
PENEDO = "Penedo et al. 2024, 2406.17557"
"""FineWeb."""


@dataclass(frozen=True)
class Rule:
    """A document stays if its measure is not beyond the threshold."""

    name: str
    """Key in `corpus.rules`."""
    threshold: float
    """The paper's."""
    measure: Callable[[Page], float]
    """What is compared with the threshold."""
    about: str
    """What is measured, as a phrase."""
    source: str
    """The paper."""
    at_least: bool = False
    """Whether the threshold is the least that stays; else it is the most."""

    def keeps(self, page: Page, threshold: float) -> bool:
        """Whether a document stays."""
        value = self.measure(page)
        return value >= threshold if self.at_least else value <= threshold


@dataclass(frozen=True)
class LineRule:
    """A line stays, or is taken out of its document."""

    name: str
    """Key in `corpus.rules`."""
    threshold: float
    """The paper's."""
    drops: Callable[[str, float], bool]
    """Whether a line is taken out at a threshold."""
    about: str
    """Which lines are taken out, as a phrase."""
    source: str
    """The paper."""

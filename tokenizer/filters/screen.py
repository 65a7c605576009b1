"""The rules that a corpus is held to: named sets, single rules with thresholds of the user's, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from tokenizer.filters.c4 import CITATION, LINES, PAGES
from tokenizer.filters.fineweb import FINEWEB
from tokenizer.filters.gopher import QUALITY
from tokenizer.filters.page import Page
from tokenizer.filters.repetition import REPETITION
from tokenizer.filters.rule import LineRule, Rule

SETS: Final[Mapping[str, tuple[Rule | LineRule, ...]]] = {
    "c4": (*LINES, *PAGES),
    "gopher": (*QUALITY, *REPETITION),
    "fineweb": FINEWEB,
}
"""Sets of rules by name, in the order in which they are applied."""
RULES: Final[Mapping[str, Rule | LineRule]] = {rule.name: rule for rules in SETS.values() for rule in rules}
"""Every rule by name, in that order."""
NO_LINE: Final = "no_line_left"
"""What a document is counted under of which the rules of lines took every line."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one document."""

    text: str
    """What stays of it; as it was where a rule threw it away."""
    rule: str = ""
    """The first rule that threw it away; empty where it stays."""
    lines: tuple[str, ...] = ()
    """For each line that was taken out, the rule that did it."""


@dataclass(frozen=True)
class Screen:
    """Rules with their thresholds."""

    sets: tuple[str, ...]
    """Names of sets."""
    thresholds: Mapping[str, Any]
    """Threshold by rule: of further rules, and other ones of rules in the sets; None leaves a rule out."""

    @cached_property
    def chosen(self) -> Mapping[str, float]:
        """Threshold of each rule that is applied, in order."""
        rules = {rule.name: rule.threshold for name in self.sets for rule in SETS[name]} | dict(self.thresholds)
        return {name: float(rules[name]) for name in RULES if rules.get(name) is not None}

    @cached_property
    def _lines(self) -> Sequence[tuple[LineRule, float]]:
        return [(rule, most) for name, most in self.chosen.items() if isinstance(rule := RULES[name], LineRule)]

    @cached_property
    def _pages(self) -> Sequence[tuple[Rule, float]]:
        return [(rule, most) for name, most in self.chosen.items() if isinstance(rule := RULES[name], Rule)]

    def judge(self, text: str) -> Verdict:
        """What stays of a document that is not blank."""
        kept, dropped = (text, ()) if not self._lines else self._without_lines(text)
        if not kept.strip():
            return Verdict(text, NO_LINE, dropped)
        page = Page(kept)
        for rule, threshold in self._pages:
            if not rule.keeps(page, threshold):
                return Verdict(text, rule.name, dropped)
        return Verdict(kept, "", dropped)

    def _without_lines(self, text: str) -> tuple[str, tuple[str, ...]]:
        """(the lines that stay, the rules that took the others out), lines stripped as C4 has them."""
        kept: list[str] = []
        dropped: list[str] = []
        for line in filter(None, map(str.strip, text.splitlines())):
            bare = CITATION.sub("", line)
            rule = next((rule.name for rule, most in self._lines if rule.drops(bare, most)), None)
            if rule is None:
                kept.append(bare)
            else:
                dropped.append(rule)
        return "\n".join(kept), tuple(dropped)

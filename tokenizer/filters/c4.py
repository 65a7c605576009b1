"""C4's rules (Raffel et al. 2019, section 2.2), with the thresholds of its code; its list of bad words is left out."""

from __future__ import annotations

import re
from typing import Final

from tokenizer.filters.rule import RAFFEL, LineRule, Rule

ENDS: Final = (".", "?", "!", '"', "'")
"""How a line that stays ends."""
POLICIES: Final = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
"""Phrases of lines about cookies and terms of use."""
CITATION: Final = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
"""Marks of citations, which are taken out of lines."""


def _has_no_end(line: str, least: float) -> bool:
    return least > 0 and (not line.endswith(ENDS) or line.endswith("..."))


LINES: Final = (
    LineRule(
        "line_word_length",
        1_000,
        lambda line, most: any(len(word) > most for word in line.split()),
        "lines with a word of more characters",
        RAFFEL,
    ),
    LineRule(
        "line_ends", 1, _has_no_end, "lines that end in none of . ? ! \" ' or in an ellipsis; 0 keeps them", RAFFEL
    ),
    LineRule("line_words", 3, lambda line, least: len(line.split()) < least, "lines of fewer words", RAFFEL),
    LineRule(
        "javascript",
        0,
        lambda line, most: line.lower().count("javascript") > most,
        "lines that name JavaScript more often",
        RAFFEL,
    ),
    LineRule(
        "policies",
        0,
        lambda line, most: sum(map(line.lower().count, POLICIES)) > most,
        "lines with more phrases about cookies or terms of use",
        RAFFEL,
    ),
)
"""Lines that are taken out, in the order of C4's code."""
PAGES: Final = (
    Rule("lorem_ipsum", 0, lambda page: page.text.lower().count("lorem ipsum"), "times lorem ipsum", RAFFEL),
    Rule("curly_brackets", 0, lambda page: page.text.count("{"), "curly brackets", RAFFEL),
    Rule("sentences", 5, lambda page: page.sentences, "sentences in the lines that stay", RAFFEL, at_least=True),
)
"""Documents that are thrown away."""

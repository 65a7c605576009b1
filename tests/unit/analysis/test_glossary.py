"""The glossary explains every estimator by its label and every refusal by its phrase, each word once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.names import EstimatorName
from analysis.refusals import Reason
from analysis.wording import REASON_PHRASES

PAGE = (Path(__file__).parents[3] / "docs" / "glossary.md").read_text()
ENTRIES = re.findall(r"^\*\*(.+?)\.\*\* (.+)$", PAGE, flags=re.MULTILINE)
WORDS = [word for word, _ in ENTRIES]


@pytest.mark.parametrize("name", EstimatorName)
def test_each_estimator_has_an_entry(name: EstimatorName) -> None:
    assert name.label in WORDS


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_to_refuse_has_an_entry(reason: Reason) -> None:
    assert REASON_PHRASES[reason] in WORDS


def test_no_word_is_explained_twice_or_in_passing() -> None:
    folded = [word.lower() for word in WORDS]
    assert sorted(set(folded)) == sorted(folded)
    assert all(20 < len(text) < 260 and text.endswith(".") for _, text in ENTRIES)
    assert PAGE.count("\n**") == len(ENTRIES), "every entry has the form **Word.** Text"


PAGES_USE = (
    "budget, isoflop curve, trunk, cooldown, lack of fit, hold-out, worker, slot, artifact store, attempt, lease, forecast, "
    "revision, ladder, cell, recipe check, mfu, numerics profile, epochs, compute multiplier, convention, confidence, "
    "interval of the law, interval of a run, degrees of freedom, noise between seeds, extrapolation, sweep, run, recipe"
)


@pytest.mark.parametrize("word", PAGES_USE.split(", "))
def test_words_of_the_pages_are_there(word: str) -> None:
    assert any(entry.lower().split(" (")[0] == word for entry in WORDS)

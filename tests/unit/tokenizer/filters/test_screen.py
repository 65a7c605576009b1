"""Sets of rules, single rules, and other thresholds."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from tokenizer.corpus import CorpusError, CorpusSpec
from tokenizer.filters.screen import RULES, SETS, Screen

TEXT = "The first of these words. The second of these words, and that is all that there is to be said of them."


def test_a_set_is_applied_in_its_order_and_the_first_rule_counts() -> None:
    assert Screen(("gopher",), {}).judge("words").rule == "words_least"
    assert next(iter(Screen(("fineweb", "gopher"), {}).chosen)) == "words_least"
    assert Screen((), {}).chosen == {}


def test_a_single_rule_another_threshold_and_one_left_out() -> None:
    assert Screen((), {"words_least": 5}).chosen == {"words_least": 5.0}
    assert Screen((), {"words_least": 5}).judge(TEXT).rule == ""
    assert Screen((), {"words_least": 500}).judge(TEXT).rule == "words_least"
    chosen = Screen(("gopher",), {"words_least": None, "symbols": 0.3}).chosen
    assert "words_least" not in chosen and chosen["symbols"] == 0.3 and chosen["bullets"] == 0.9


def test_every_rule_has_a_name_of_its_own_a_paper_and_a_row_in_the_documentation() -> None:
    assert len(RULES) == sum(map(len, SETS.values())) == 33
    page = (ROOT / "docs/corpora.md").read_text(encoding="utf-8")
    rows = [f"| `{rule.name}` | {rule.threshold:g} |" for rule in RULES.values() if " et al. " in rule.source]
    assert len(rows) == len(RULES)
    assert [row for row in rows if row not in page] == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"filters": ("gofer",)}, "corpus.filters holds 'gofer': choose from c4, gopher, fineweb"),
        ({"rules": {"words": 3}}, "corpus.rules.words is no rule; the rules are line_word_length, "),
        ({"rules": {"symbols": "few"}}, "corpus.rules.symbols is 'few': give a number, or null to leave it out"),
        ({"rules": {"symbols": True}}, "corpus.rules.symbols is True"),
    ],
)
def test_wrong_rules(fields: dict[str, object], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        CorpusSpec(**fields)  # type: ignore[arg-type]

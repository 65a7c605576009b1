"""The worth of repetition that an answer rests on, and how it is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.answers.limited import best_with_limited_data
from analysis.answers.worth import drawn_worth, own_or_published, own_text, worth_sentence
from analysis.fitting.repetition.own import OwnWorth
from analysis.fitting.repetition.published import PUBLISHED
from analysis.law import Law, fit
from tests.unit.analysis.fitting.repetition.learnt import TABLE
from tests.unit.analysis.repeating import COST

LARGE = 1.6e11


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(TABLE, cost=COST, holdout=False)


def test_a_law_uses_its_own_worth_where_it_has_one(law: Law) -> None:
    bare = replace(law, worth=None)
    assert law.worth is not None and own_or_published(law).tokens.item() == law.worth.tokens.value
    assert own_or_published(bare) is PUBLISHED
    own, published = (drawn_worth(one, 400, np.random.default_rng(0)).tokens for one in (law, bare))
    assert np.median(own) == pytest.approx(5, rel=0.2) and np.median(published) == pytest.approx(15.4, rel=0.05)
    assert np.log(own).std() < 0.3 * np.log(published).std()


def test_an_answer_says_which_worth_and_is_narrower_with_its_own(law: Law) -> None:
    unique = law.predict(LARGE).tokens / 6
    own, published = (best_with_limited_data(one, LARGE, unique) for one in (law, replace(law, worth=None)))
    assert "as 45 runs that repeat tokens show: R*_D = " in own.warnings[0] and "(published: 15.39)" in own.warnings[0]
    assert "as Muennighoff et al. 2023 published (R*_D = 15.39, R*_N = 5.31)" in published.warnings[0]
    assert own.loss > published.loss, "tokens wear out three times as fast"
    widths = [np.diff([one.loss_interval.low, one.loss_interval.high]) for one in (own, published)]
    assert widths[0] < 0.6 * widths[1]


def test_no_size_is_answered_that_overfitted(law: Law) -> None:
    assert law.worth is not None
    unique = law.predict(LARGE).tokens / 6
    free = best_with_limited_data(law, LARGE, unique)
    overfitted = [replace(law.worth, worse=np.array([[s * free.params / unique, 2.0, 0.5]])) for s in (0.9, 0.1)]
    held, hopeless = (best_with_limited_data(replace(law, worth=one), LARGE, unique) for one in overfitted)
    assert held.params == pytest.approx(0.9 * free.params, rel=0.03) and held.loss > free.loss
    assert held.warnings[-1].startswith("On so few tokens larger models overfit")
    assert "1 of the runs overfit" in held.warnings[0]
    assert hopeless.params == free.params and hopeless.warnings[-1].endswith("overfit: so may this one.")


def test_passes_beyond_those_that_were_seen_are_warned_about(law: Law) -> None:
    answer = best_with_limited_data(law, LARGE, law.predict(LARGE).tokens / 40)
    assert "R*_D was fitted to at most 8 passes: beyond them the loss may rise instead." in answer.warnings


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (4.0, 6.0, "5 [4, 6]"),
        (4.0, None, "5, at least 4"),
        (None, 6.0, "5, at most 6"),
        (None, None, "5, which the runs do not bound"),
    ],
)
def test_a_bound_is_said_to_be_one(low: float | None, high: float | None, text: str) -> None:
    assert own_text(OwnWorth(5.0, low, high)) == text


def test_the_sentence_is_short(law: Law) -> None:
    assert len(worth_sentence(law)) < 300

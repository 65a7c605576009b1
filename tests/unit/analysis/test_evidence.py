"""Evidence: what a fit of known data reports of its noise and its hold-out."""

from __future__ import annotations

import math

import pytest

from analysis.evidence import NgramBaseline, NgramScore, Noise
from analysis.law import Law, fit
from tests.unit.analysis.law_tables import table


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(table(noise=0.01, repeats=3, seed=1))


def test_noise_is_reported_by_source_and_by_budget(law: Law) -> None:
    noise = law.noise
    assert noise.seed_sigma is not None and noise.seed_sigma_interval is not None and noise.sigma is not None
    assert noise.seed_sigma in noise.seed_sigma_interval
    assert noise.seed_degrees_of_freedom == sum(one.degrees_of_freedom for one in noise.seed_sigma_by_budget) == 4
    assert [one.flops for one in noise.seed_sigma_by_budget] == pytest.approx([1e18, 1e20])
    pooled = math.sqrt(sum(one.sigma**2 * one.degrees_of_freedom for one in noise.seed_sigma_by_budget) / 4)
    assert noise.seed_sigma == pytest.approx(pooled)
    assert noise.sigma >= noise.seed_sigma
    assert noise.degrees_of_freedom == 3 * (7 - 4) + 2 * (9 - 4)
    assert noise.sources["run"] >= noise.seed_sigma


def test_without_repeats_there_is_no_noise_between_seeds() -> None:
    noise = fit(table(noise=0.01, seed=1), holdout=False).noise
    assert (noise.seed_sigma, noise.seed_sigma_interval, noise.seed_sigma_by_budget) == (None, None, ())
    assert noise.seed_degrees_of_freedom == 0
    assert Noise(None, 0, None, 0, None).sources == {}


def test_a_holdout_record_scores_its_own_intervals_and_gives_the_truths_error(law: Law) -> None:
    assert [record.trained_to for record in law.holdout] == pytest.approx([1e19, 1e19, 3e19])
    assert [record.flops for record in law.holdout] == pytest.approx([3e19, 1e20, 1e20])
    for record in law.holdout:
        assert record.extrapolation == pytest.approx(record.flops / record.trained_to)
        assert 0 < record.params_error < 0.3 and 0 < record.loss_error < 0.02
        assert record.params_covered >= (record.params in record.params_interval)
        assert record.loss_covered >= (record.loss in record.loss_interval)
        assert record.params_predicted in record.params_interval
        assert {answer.estimator for answer in record.answers} >= {"additive", "cubic"}


def test_the_best_n_gram_is_that_of_the_lowest_loss() -> None:
    scores = tuple(NgramScore(d, m, loss, loss / 2) for d, m, loss in ((100, 1, 4.0), (100, 2, 3.0), (400, 1, 2.0)))
    assert NgramBaseline(scores, 400).best == scores[1:]


def test_between_two_numbers_of_tokens_the_loss_is_straight_in_their_logarithm() -> None:
    scores = (NgramScore(100, 2, 4.0, 2.0), NgramScore(1600, 5, 2.0, 1.0), NgramScore(6400, 5, 1.0, 0.5))
    ngrams = NgramBaseline(scores, 6400)
    assert ngrams.at(200) == NgramScore(200, 2, pytest.approx(3.5), pytest.approx(1.75))
    assert ngrams.at(800) == NgramScore(800, 5, pytest.approx(2.5), pytest.approx(1.25))
    assert [ngrams.at(tokens) for tokens in (99, 100, 6400)] == [None, scores[0], scores[2]]


def test_a_second_epoch_teaches_an_n_gram_nothing_and_beyond_what_was_measured_there_is_none() -> None:
    scores = (NgramScore(100, 2, 4.0, 2.0), NgramScore(400, 2, 3.0, 1.5))
    assert NgramBaseline(scores, 400).at(9_999) == scores[1]
    assert NgramBaseline(scores, 800).at(500) is None

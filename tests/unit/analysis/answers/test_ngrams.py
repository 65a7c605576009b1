"""How runs compare with n-grams of the same tokens, in a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.answers import ngrams
from analysis.answers.ngrams import Rivals, ngram_sentence, rivals
from analysis.answers.serial import fit_json
from analysis.evidence import NgramScore
from analysis.law import Law
from tests.unit.analysis.ngram_laws import against, baseline
from tests.unit.orchestrator.report_fixtures import law


@pytest.fixture(scope="module")
def fitted() -> Law:
    return law()


def losses(fitted: Law) -> list[float]:
    return sorted(loss for curve in fitted.curves for loss in curve.losses)


def test_a_gap_is_in_bits_per_byte_of_text(fitted: Law) -> None:
    """The n-gram's nats are twice its bits per byte, so the run's are, too."""
    compared = rivals(against(fitted, 2.0))
    assert len(compared) == len(losses(fitted))
    assert [one.ahead for one in compared] == pytest.approx([(2.0 - one.loss) / 2 for one in compared])
    assert [one.params for one in compared] == sorted(one.params for one in compared)


def test_where_every_run_wins_the_smallest_model_is_named(fitted: Law) -> None:
    told = ngram_sentence(against(fitted, losses(fitted)[-1] + 0.8))
    assert told.startswith("The smallest model, ")
    assert "already beats the best n-gram of the same tokens, a 2-gram, by 0.4" in told
    assert told.endswith(" bit per byte.")


def test_where_none_wins_the_closest_is_named(fitted: Law) -> None:
    told = ngram_sentence(against(fitted, losses(fitted)[0] - 0.5))
    assert told.startswith("No run beats the best n-gram of the same tokens: the closest, ")
    assert told.endswith("is 0.25 bit per byte behind a 2-gram.")


def test_where_some_win_they_are_counted(fitted: Law) -> None:
    known = losses(fitted)
    told = ngram_sentence(against(fitted, (known[3] + known[4]) / 2))
    assert told.startswith(f"4 of {len(known)} runs beat the best n-gram of the same tokens, the smallest with ")


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        (
            [(10, 3.1), (20, 2.8), (40, 2.6)],
            "2 of 3 runs beat the best n-gram of the same tokens, the smallest with 20 ",
        ),
        ([(10, 2.9), (10, 2.7), (40, 2.8)], "The smallest model, 10 parameters at 10⁹ FLOPs, already beats"),
        (
            [(10, 2.9), (10, 2.7), (40, 2.8)],
            "by 0.05 bit per byte; the best run, 10 parameters at 2×10⁹ FLOPs, by 0.15",
        ),
        ([(10, 3.2), (20, 3.004)], "the closest, 20 parameters at 2×10⁹ FLOPs, is even with a 2-gram."),
        ([(10, 3.2), (20, 2.996)], "No run beats the best n-gram of the same tokens: the closest, 20 parameters"),
        ([(10, 3.02)], "is 0.01 bit per byte behind a 2-gram."),
    ],
)
def test_which_runs_are_named(
    fitted: Law, monkeypatch: pytest.MonkeyPatch, runs: list[tuple[int, float]], words: str
) -> None:
    """A gap that rounds to nothing is none."""
    ngram = NgramScore(10, 2, 3.0, 1.5)
    compared = [Rivals(1e9 * (i + 1), params, loss, ngram) for i, (params, loss) in enumerate(runs)]
    monkeypatch.setattr(ngrams, "rivals", lambda _: compared)
    assert words in ngram_sentence(fitted)


def test_without_n_grams_or_runs_within_them_there_is_nothing_to_say(fitted: Law) -> None:
    far = replace(fitted, ngrams=baseline(2.0, fewest=1, most=2))
    assert [ngram_sentence(fitted), ngram_sentence(far)] == ["", ""]


def test_the_fit_as_json_has_them(fitted: Law) -> None:
    assert fit_json(fitted)["ngrams"] is None
    told = fit_json(against(fitted, 2.0))["ngrams"]
    assert told["scores"][0] == {"tokens": 10, "order": 1, "loss": 3.0, "bits_per_byte": 1.5}
    assert (told["unique_tokens"], told["summary"]) == (10**13, ngram_sentence(against(fitted, 2.0)))

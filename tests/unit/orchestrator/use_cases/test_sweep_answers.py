"""The laws of a sweep: variants, shared runs, the recipe's own counts, and comparisons; losses are simulated."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.answers.ask import Question
from analysis.answers.compare import compare
from analysis.records import LawError, QuestionError
from orchestrator.states import RunState
from orchestrator.use_cases import sweep_answers as module
from orchestrator.use_cases.sweep_answers import SweepAnswers
from sweeps.plan.combination import NOTHING_VARIED
from sweeps.plan.records import RecipeTrial
from tests.unit.orchestrator.use_cases.simulated import simulated_answers


@pytest.fixture(scope="module")
def varied() -> SweepAnswers:
    return simulated_answers(vary={"context": [128, 64]})


def test_each_variant_has_the_cost_of_its_own_recipe(varied: SweepAnswers) -> None:
    assert [variant.label for variant in varied.variants] == ["context=128", "context=64"]
    costs = [varied.fit(variant).cost.flops_per_token(5e4) for variant in varied.variants]
    assert costs[0] > 1.01 * costs[1], "attention over half the context costs less"


def test_an_answer_comes_with_shapes_that_can_be_built(varied: SweepAnswers) -> None:
    reply = varied.reply("context=64", Question(flops=3e12, times_too_small=3))
    assert reply.answer is not None and reply.counts is not None
    for answer in (reply.prediction, reply.answer):
        shape = answer.shape
        assert shape is not None
        assert shape.params == pytest.approx(answer.params, rel=0.2)
        assert shape.flops == pytest.approx(answer.flops, rel=0.01)
        assert shape.tokens == pytest.approx(answer.tokens, rel=0.2)
        counted = reply.counts.at(shape.params)
        assert counted["params_total"] == pytest.approx(shape.params_total, rel=1e-3)
        assert counted["params_nonembedding"] == pytest.approx(shape.params_nonembedding, rel=1e-3)


def test_values_of_an_axis_are_compared_with_the_first_or_the_one_named(varied: SweepAnswers) -> None:
    (worse,) = varied.compare_values("context")
    assert (worse.baseline, worse.other, worse.unit) == ("context=128", "context=64", "nats/token")
    assert worse.at_largest.multiplier == pytest.approx(0.25, rel=0.1)
    (better,) = varied.compare_values("context", "64")
    assert better.at_largest.multiplier == pytest.approx(4, rel=0.1)
    for axis, value, words in (("lr", "", "varies context"), ("context", "32", "over 128, 64")):
        with pytest.raises(QuestionError, match=words):
            varied.compare_values(axis, value)
    with pytest.raises(QuestionError, match="varies nothing"):
        simulated_answers().compare_values("lr")


def test_a_variant_must_be_named_where_there_are_several(varied: SweepAnswers) -> None:
    with pytest.raises(LawError, match="context=128, context=64; choose one with --variant"):
        varied.variant("")
    with pytest.raises(LawError, match="leave the variant out"):
        simulated_answers().variant("context=64")


def test_a_run_that_is_the_same_in_two_variants_counts_in_both() -> None:
    """Below the recipe's ceiling of the learning rate, both values give the same runs."""
    laws = simulated_answers(vary={"lr": [0.5, 0.6]})
    first, second = laws.variants
    assert len(first.table) == len(second.table) == 21
    assert first.table == second.table
    (same,) = laws.compare_values("lr")
    assert same.at_largest.multiplier == pytest.approx(1)


def test_sweeps_of_two_tokenizers_are_compared_in_bits_per_byte() -> None:
    first, second = simulated_answers("a").side(), simulated_answers("b", bytes_per_token=3.3).side()
    made = compare(first, second)
    assert (made.baseline, made.other, made.unit) == ("a", "b", "bits/byte")
    assert made.at_largest.multiplier > 1.2, "as good a token that holds more bytes"
    assert compare(first, simulated_answers("b").side()).unit == "nats/token"


def test_the_runs_are_read_and_fitted_once(varied: SweepAnswers, monkeypatch: pytest.MonkeyPatch) -> None:
    laws = varied.laws()
    assert list(laws) == ["context=128", "context=64"]
    monkeypatch.setattr(module, "fit", lambda *_, **__: pytest.fail("fitted again"))
    assert varied.law("context=64") is laws["context=64"]
    assert varied.table is varied.table and varied.name == "s@abcd"


def test_an_outlook_is_of_the_law_and_its_own_runs(varied: SweepAnswers, monkeypatch: pytest.MonkeyPatch) -> None:
    found = varied.outlook("context=64")
    assert found is not None and found.now[0].flops == pytest.approx(3 * varied.law("context=64").largest_budget)
    thin = varied.law("context=64")
    monkeypatch.setattr(varied, "fit", lambda _: replace(thin, noise=replace(thin.noise, sigma=None)))
    assert varied.outlook("context=64") is None


def test_a_comparison_needs_no_hold_out_and_one_asked_for_later_fits_nothing_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = simulated_answers(budgets=(1e11, 3e11, 1e12, 3e12))
    assert answers.fit(answers.variant(), holdout=False).holdout == ()
    monkeypatch.delattr(module, "fit")
    assert answers.fit(answers.variant()).holdout != ()


def test_runs_that_check_the_recipe_enter_its_verdict_and_not_the_fit() -> None:
    answers = simulated_answers()
    points = [
        RecipeTrial(place="centre", batch_factor=factor, lr_factor=1.0, vary=NOTHING_VARIED) for factor in (1.0, 4.0)
    ]
    base = answers.runs[3]
    assert base.cell is not None
    checks = [
        replace(base, id=f"check{index}", role="check", loss=loss, cell=replace(base.cell, checks=(point,)))
        for index, (point, loss) in enumerate(zip(points, (3.0, 2.5), strict=True))
    ]
    with_checks = SweepAnswers(answers.sweep, [*answers.runs, *checks], Path("/nonexistent"))
    assert len(with_checks.variants[0].table) == len(answers.runs)
    (cell,) = with_checks.law().recipe_check
    assert (cell.place, cell.rule_loss, cell.best_loss, cell.best_batch, cell.verdict) == (
        "centre",
        3.0,
        2.5,
        4.0,
        "fails",
    )
    diverged = [replace(checks[0]), replace(checks[1], state=RunState.DIVERGED, loss=None)]
    (cell,) = SweepAnswers(answers.sweep, [*answers.runs, *diverged], Path("/nonexistent")).law().recipe_check
    assert (cell.verdict, cell.best_loss) == ("passes", 3.0)


def test_a_side_has_the_bytes_per_token_and_the_text_of_its_sweep(tmp_path: Path) -> None:
    side = simulated_answers(bytes_per_token=3.3).side()
    assert side.name == "s" and side.bytes_per_token == pytest.approx(3.3)
    assert side.text == "", "the dataset is gone"


def test_answers_travel_while_other_threads_add_to_them() -> None:
    answers = simulated_answers()

    class Meddler:
        """Adds to the answers while they are pickled."""

        def __reduce__(self) -> tuple[type[int], tuple[()]]:
            answers.__dict__[f"found-{len(answers.__dict__)}"] = 1
            return int, ()

    answers.__dict__["first"] = Meddler()
    assert pickle.loads(pickle.dumps(answers)).sweep == answers.sweep


def test_the_sweeps_own_data_are_the_limit_without_being_asked(varied: SweepAnswers) -> None:
    reply = varied.reply("context=128", Question(flops=4e15))
    assert reply.prediction.tokens > 100_000_000, "the corpus has fewer"
    assert reply.unasked and reply.answer is not None and reply.answer.shape is not None
    assert reply.answer.details["unique_tokens"] == pytest.approx(100_000_000, rel=1e-6)
    assert not varied.reply("context=128", Question(flops=3e12)).unasked

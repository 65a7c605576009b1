"""Law: answers on known truths, the tie of N*, D* and C, refusals, JSON, and what it must not import."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.answers.ask import Question, ask
from analysis.answers.questions import Answer
from analysis.answers.serial import fit_json, prediction_json
from analysis.fitting.cost import TokenCost
from analysis.law import FIT_VERSION, Law, content_hash, fit, with_holdout
from analysis.records import LawError
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import (
    SMALL_COST,
    asymmetric,
    best,
    hoffmann,
    skaling,
    skewed,
    small,
    sweep,
    table,
)


def _model(law: Law, params: float, tokens: float) -> Answer:
    answer = ask(law, Question(params=params, tokens=tokens)).answer
    assert answer is not None
    return answer


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(table(seed=1, repeats=3))


@pytest.fixture(scope="module")
def small_law() -> Law:
    runs = table(truth=small, budgets=(1e11, 3e11, 1e12), span=3.4, noise=0.01, cost=SMALL_COST, repeats=3, seed=2)
    return fit(runs, cost=SMALL_COST)


@pytest.mark.parametrize("truth", [hoffmann, asymmetric, skewed, skaling])
@pytest.mark.parametrize(("span", "off_centre"), [(4.0, 1.0), (4.0, 2.0), (16.0, 1.0)])
def test_noise_free_surfaces_are_recovered(truth, span: float, off_centre: float) -> None:  # type: ignore[no-untyped-def]
    """The headline within 2 % of N* at 100 times the largest budget, and its interval covers."""
    prediction = fit(table(truth=truth, span=span, off_centre=off_centre, noise=0.0), holdout=False).predict(1e22)
    params, loss = best(truth, 1e22, TokenCost.constant(6))
    assert prediction.params == pytest.approx(params, rel=0.02)
    assert params in prediction.params_interval
    assert loss in prediction.loss_interval


def test_three_small_noisy_budgets_give_a_sane_forecast(small_law: Law) -> None:
    """A two-core sweep: at three times its largest budget the loss is known to 0.15 nat, and the truth is inside."""
    prediction = small_law.predict(3e12)
    params, loss = best(small, 3e12, SMALL_COST)
    assert params in prediction.params_interval
    assert loss in prediction.loss_interval
    assert 0.005 < (prediction.loss_interval.high - prediction.loss_interval.low) / 2 < 0.15
    assert prediction.params_interval.high / prediction.params_interval.low < 4
    assert prediction.confidence == "medium"
    assert small_law.predict(1e14).confidence == "low"
    assert any("3 budgets" in warning for warning in prediction.warnings)
    assert (small_law.noise.seed_sigma or 0) > 0


@settings(max_examples=40, deadline=None)
@given(log_c=st.floats(10, 16))
def test_params_tokens_and_flops_are_always_tied(small_law: Law, log_c: float) -> None:
    prediction = small_law.predict(10**log_c)
    answers = [(a.params, a.tokens) for a in prediction.estimators]
    ends = zip(
        (prediction.params_interval.low, prediction.params_interval.high),
        (prediction.tokens_interval.high, prediction.tokens_interval.low),
        strict=True,
    )
    for params, tokens in [(prediction.params, prediction.tokens), *answers, *ends]:
        assert tokens * SMALL_COST.flops_per_token(params) == pytest.approx(10**log_c, rel=1e-9)


def test_the_tie_holds_in_the_power_laws_of_external_data(law: Law) -> None:
    laws = {(entry.quantity, entry.estimator): entry for entry in law.power_laws}
    for name in ("headline", "parabola", "cubic", "additive", "joint_skew"):
        assert laws["params", name].exponent + laws["tokens", name].exponent == pytest.approx(1, abs=1e-6)
    assert 0.28 / 0.62 in laws["params", "headline"].exponent_interval
    assert laws["loss", "joint_skew"].floor == pytest.approx(1.69, abs=0.1)


def test_a_prediction_says_how_far_it_reaches(law: Law) -> None:
    inside, near, far = law.predict(1e19), law.predict(5e20), law.predict(1e23)
    assert inside.extrapolation == pytest.approx(0.1)
    assert [p.confidence for p in (inside, near, far)] == ["high", "high", "low"]
    assert "This is ×1000 the largest budget." in far.warnings
    assert {answer.estimator for answer in near.estimators} >= {
        "additive",
        "skaling",
        "joint_skew",
        "parabola",
        "cubic",
    }


def test_a_law_whose_predictions_nobody_tested_is_trusted_less(law: Law) -> None:
    untested = replace(law, holdout=())
    assert [untested.predict(flops).confidence for flops in (1e19, 1e20)] == ["medium", "medium"]
    assert "No prediction of this fit was tested on a later budget." in untested.predict(1e20).warnings


def test_ten_times_the_largest_budget_has_one_word_however_it_is_written(law: Law) -> None:
    """A budget is the mean of its runs' ln C: ten times that may be 1 + 10⁻¹⁵ times the number that one types."""
    words = {law.predict(10 * law.largest_budget * (1 + off)).confidence for off in (-1e-14, 0, 1e-14)}
    assert words == {"high"}


def test_a_band_is_the_predictions_one_by_one(law: Law) -> None:
    budgets = np.geomspace(1e17, 1e22, 7).tolist()
    for one, many in zip(map(law.predict, budgets), law.band(budgets), strict=True):
        assert one.params == pytest.approx(many.params, rel=1e-9)
        assert one.loss_interval.low == pytest.approx(many.loss_interval.low, rel=1e-9)


def test_loss_of_a_given_model_and_compute_for_a_loss(law: Law) -> None:
    prediction = law.predict(1e21)
    optimum = _model(law, prediction.params, prediction.tokens)
    loss, bounds = optimum.loss, optimum.loss_interval
    assert loss == pytest.approx(prediction.loss, abs=0.005)
    answer = _model(law, prediction.params / 4, prediction.tokens * 4)
    too_small, wide = answer.loss, answer.loss_interval
    truth = float(hoffmann(np.array([prediction.params / 4]), np.array([prediction.tokens * 4]))[0])
    assert truth in wide and too_small > loss
    flops, range_ = law.compute_for_loss(prediction.loss)
    assert flops == pytest.approx(1e21, rel=0.02)
    assert range_.low < 1e21 < range_.high
    with pytest.raises(LawError, match="below what the law reaches"):
        law.compute_for_loss(0.5)
    assert bounds.low < loss < bounds.high


def test_order_of_rows_does_not_matter() -> None:
    data = sweep(seed=5)
    shuffled = data.sample(frac=1, random_state=1)
    first, second = (fit(RunTable.from_frame(frame), holdout=False) for frame in (data, shuffled))
    assert first.law_id == second.law_id
    assert first.predict(1e21).params == pytest.approx(second.predict(1e21).params, rel=1e-6)


def test_the_holdout_table_predicts_later_budgets(law: Law) -> None:
    assert sorted(record.extrapolation for record in law.holdout) == pytest.approx([3, 10 / 3, 10], rel=1e-3)
    assert all(record.loss_covered for record in law.holdout)
    assert any("Hold-out" in warning for warning in law.warnings)


def test_intervals_respond_to_the_noise_between_seeds() -> None:
    """The same losses with and without the knowledge that some runs differ by their seed alone."""
    runs = sweep(noise=0.001, repeats=3, seed=3)
    seeds = np.zeros(len(runs))
    again = runs.duplicated(["flops", "params"], keep=False).to_numpy()
    seeds[again] = np.tile([-1.0, 0.0, 1.0], 2)
    widths, sigmas = {}, {}
    for scatter in (0.0, 0.01):
        known = RunTable.from_frame(runs.assign(loss=runs.loss + scatter * seeds, seed=np.arange(len(runs))))
        unknown = replace(known, repeat=np.arange(len(known)))
        for name, table_ in (("known", known), ("unknown", unknown)):
            found = fit(table_, holdout=False)
            p = found.predict(1e21)
            widths[name, scatter] = (
                p.loss_interval.high - p.loss_interval.low,
                math.log(p.params_interval.high / p.params_interval.low),
            )
            sigmas[name, scatter] = found.noise.seed_sigma
    assert sigmas["known", 0.01] == pytest.approx(0.01, rel=0.2)
    assert sigmas["unknown", 0.01] is None
    for quantity in (0, 1):
        assert widths["known", 0.01][quantity] > 1.5 * widths["known", 0.0][quantity]
        assert widths["known", 0.01][quantity] > 1.1 * widths["unknown", 0.01][quantity]


def test_a_rejected_surface_stays_with_a_wider_error() -> None:
    law = fit(table(truth=skewed, noise=0.001, seed=4), holdout=False)
    additive = next(s for s in law.surfaces if s.name == "additive")
    assert additive.lack_of_fit is not None and additive.lack_of_fit.p < 1e-4
    answer = next(a for a in law.predict(1e21).estimators if a.estimator == "additive")
    assert "inflated" in answer.note
    assert any("rejects additive" in warning for warning in law.warnings)
    params, loss = best(skewed, 1e21, TokenCost.constant(6))
    assert params in law.predict(1e21).params_interval
    assert loss in law.predict(1e21).loss_interval


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d[d.flops == 1e18], "too_few_budgets"),
        (lambda d: d.iloc[:2], "too_few_budgets"),
        (lambda d: d.groupby("flops").head(2), "too_few_sizes"),
        (lambda d: d.assign(loss=3 - 0.05 * np.log(d.params)), "no_solution"),
    ],
)
def test_a_table_without_a_law_shows_its_curves_and_says_why(change, reason: str) -> None:  # type: ignore[no-untyped-def]
    law = fit(RunTable.from_frame(change(sweep())))
    assert law.refusals["joint_skew"].reason == reason
    assert law.curves
    with pytest.raises(LawError, match="no law could be fitted"):
        law.predict(1e21)
    json.dumps(fit_json(law), allow_nan=False)


@pytest.mark.parametrize("flops", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_must_be_a_positive_number(law: Law, flops: float) -> None:
    with pytest.raises(LawError, match="positive"):
        law.predict(flops)


def test_scattered_designs_without_curves_still_have_surfaces() -> None:
    generator = np.random.default_rng(0)
    params, tokens = np.exp(generator.uniform(np.log(3e7), np.log(3e9), 60)), np.exp(generator.uniform(21, 25, 60))
    losses = hoffmann(params, tokens) + generator.normal(0, 0.003, 60)
    data = pd.DataFrame({"flops": 6 * params * tokens, "params": params, "tokens": tokens, "loss": losses})
    prediction = fit(RunTable.from_frame(data), holdout=False).predict(1e22)
    assert prediction.params == pytest.approx(best(hoffmann, 1e22, TokenCost.constant(6))[0], rel=0.2)


def test_fitting_loads_no_heavy_library() -> None:
    forbidden = {"torch", "ray", "wandb", "hydra", "fastapi", "sqlalchemy", "altair"}
    code = f"import sys, analysis.law; print(sorted({forbidden!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("seed", range(24))
def test_any_table_gives_a_law_or_a_reason(seed: int) -> None:
    """Random budgets, sizes, scatter and losses: never a traceback, a NaN or an interval without its answer."""
    generator = np.random.default_rng(seed)
    budgets, sizes = generator.integers(1, 7), generator.integers(1, 10)
    flops = np.repeat(10 ** generator.uniform(10, 22) * np.cumprod(generator.uniform(1.2, 6, budgets)), sizes)
    spread = np.tile(np.linspace(-1, 1, sizes) * generator.uniform(0.2, 4), budgets)
    params = np.maximum(np.sqrt(flops / 120) * np.exp(spread + generator.normal(0, 0.5)), 150)
    tokens = np.maximum(flops / 6 / params, 150)
    exact = hoffmann(params * 1e3, tokens * 1e3)
    losses = (
        exact + generator.normal(0, 10 ** generator.uniform(-6, 0), len(flops)),
        generator.uniform(1, 9, len(flops)),
        exact + np.where(generator.random(len(flops)) < 0.2, 5, 0),
        3 + 0.1 * np.log(params),
    )[seed % 4]
    data = pd.DataFrame({"flops": flops, "params": params, "tokens": tokens, "loss": np.maximum(losses, 0.01)})
    try:
        law = fit(RunTable.from_frame(data.assign(seed=np.arange(len(data)))), holdout=False)
        json.dumps(fit_json(law), allow_nan=False)
        prediction = law.predict(float(flops.max()) * 10)
    except LawError as error:
        assert len(str(error)) > 20
        return
    assert prediction.params_interval.low <= prediction.params <= prediction.params_interval.high
    assert np.isfinite([prediction.loss, prediction.tokens, prediction.loss_interval.high]).all()
    json.dumps(prediction_json(prediction), allow_nan=False)


def test_the_content_hash_sees_runs_cost_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, six = table(seed=1), TokenCost.constant(6)
    first = content_hash(runs, six)
    assert first == content_hash(table(seed=1), six) and len(first) == 16
    assert content_hash(table(seed=2), six) != first
    assert content_hash(runs, TokenCost.constant(6.1)) != first
    monkeypatch.setattr("analysis.law.FIT_VERSION", FIT_VERSION + 1)
    assert content_hash(runs, six) != first


def test_the_sentence_about_the_holdout_counts_far_budgets_alone(law: Law) -> None:
    bare = replace(law, warnings=(), holdout=())
    near = tuple(replace(record, extrapolation=1.49) for record in law.holdout)
    assert with_holdout(bare, near).warnings == () and with_holdout(bare, near).holdout == near
    far = (
        replace(law.holdout[0], extrapolation=1.5, params_covered=True, loss_covered=True),
        replace(law.holdout[1], params_covered=True, loss_covered=False),
        replace(law.holdout[2], params_covered=False, loss_covered=True),
    )
    assert with_holdout(bare, far).warnings == (
        "Hold-out: 1 of 3 later budgets (×1.5 and more) lay inside both intervals.",
    )


def test_compute_for_a_loss_has_the_interval_of_the_band(law: Law) -> None:
    middle, interval = law.compute_for_loss(2.5)
    assert interval.low < middle < interval.high
    assert law.predict(middle).loss == pytest.approx(2.5, abs=2e-3)
    assert law.predict(interval.low).loss_interval.low == pytest.approx(2.5, abs=3e-3)
    assert law.predict(interval.high).loss_interval.high == pytest.approx(2.5, abs=3e-3)


def test_each_estimators_answer_has_its_tokens_and_errors(law: Law) -> None:
    by_name = {answer.estimator: answer for answer in law.predict(1e21).estimators}
    assert by_name["cubic"].note == "" and by_name["additive_huber"].note == "Chinchilla's approach 3"
    for answer in by_name.values():
        assert answer.params is not None and answer.tokens == pytest.approx(1e21 / 6 / answer.params)
        assert answer.log_params_se is not None and 0 < answer.log_params_se < 0.5


def test_within_the_budgets_the_upper_end_of_the_loss_is_not_capped(law: Law) -> None:
    inside = law.predict(law.largest_budget / 2)
    assert inside.loss_interval.high - inside.loss == pytest.approx(inside.loss - inside.loss_interval.low)
    assert (law.smallest_budget, law.largest_budget) == (pytest.approx(1e18), pytest.approx(1e20))
    with pytest.raises(LawError, match="budgets must be positive"):
        law.band([[1e18, 1e19]])  # type: ignore[list-item]
    assert law.band([]) == []


def test_what_the_envelope_lacks_is_not_why_there_is_no_law() -> None:
    empty = fit(table(budgets=(1e18, 1e19)))
    with pytest.raises(LawError) as caught:
        empty.predict(1e20)
    assert str(caught.value) == (
        "no law could be fitted: a law needs at least 3 budgets, two to four times apart; this table has 2."
    )

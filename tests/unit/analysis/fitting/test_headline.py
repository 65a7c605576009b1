"""The headline: weights, intervals and refusals on made-up estimators, and a path that bends found where it is there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.fitting import headline
from analysis.fitting.estimators import (
    ADDITIVE,
    CUBIC,
    JOINT_SKEW,
    JOINT_SKEW_BENT,
    FittedEstimator,
    Kind,
    LineKind,
)
from analysis.fitting.forms import bent
from analysis.fitting.headline import bend_probability, bend_sentences, surface_shares
from analysis.fitting.refused import RefusedError
from analysis.fitting.uncertainty import Uncertainty
from analysis.law import Law, fit
from analysis.refusals import ErrorsUnknown, OptimumRunsOff
from tests.unit.analysis.law_tables import Floats, best, hoffmann, table

BUDGETS = (1e18, 3e18, 1e19, 3e19, 1e20)


def falling_exponent(params: Floats, tokens: Floats) -> Floats:
    """A skewed valley whose exponent of N* falls by a tenth for each unit of ln C, as Llama 3's does."""
    log_c = np.log(6 * params * tokens / 1e19)
    u = np.log(params / 2.3e8) - 0.5 * bent(np.array(0.1), log_c)[0]
    return 1.7 + 1.3 * np.exp(-0.155 * log_c) * (0.3 * np.exp(-0.35 * u) + 0.35 * np.exp(0.3 * u)) / 0.65


def probability(law: Law) -> float:
    return bend_probability(law.estimators, law.uncertainty)


def test_a_falling_exponent_is_found_and_forecast() -> None:
    for seed in range(4):
        law = fit(table(truth=falling_exponent, budgets=BUDGETS, seed=seed), holdout=False)
        assert probability(law) > 0.8
        prediction = law.predict(1e21)
        truth, loss = best(falling_exponent, 1e21, law.cost)
        straight = next(a for a in prediction.estimators if a.estimator == "joint_skew")
        assert truth in prediction.params_interval
        assert loss in prediction.loss_interval
        assert straight.params is not None
        assert abs(np.log(prediction.params / truth)) < 0.5 * abs(np.log(straight.params / truth))
        assert any("falls" in warning for warning in prediction.warnings)


def test_a_power_law_is_not_bent() -> None:
    found = [probability(fit(table(truth=hoffmann, budgets=BUDGETS, seed=seed), holdout=False)) for seed in range(8)]
    assert np.median(found) < 0.05
    assert max(found) < 0.5


def test_without_evidence_the_odds_are_those_before_any_run() -> None:
    """Three budgets say nothing of a bend: its prior comes back, a tenth to one."""
    law = fit(table(truth=hoffmann, budgets=BUDGETS[:3], noise=0.03, seed=3), holdout=False)
    assert probability(law) == pytest.approx(0.1 / 1.1, abs=0.05)


def test_the_bent_surface_takes_its_probability_of_every_share() -> None:
    law = fit(table(truth=hoffmann, budgets=BUDGETS, seed=1), holdout=False)
    names = [state.name for state in law.estimators]
    straight, half = surface_shares(law.estimators, 0.0), surface_shares(law.estimators, 0.5)
    assert straight.sum() == pytest.approx(1)
    assert straight[names.index("joint_skew_bent")] == 0
    assert half == pytest.approx(0.5 * straight + 0.5 * (np.array(names) == "joint_skew_bent"))


def test_hypotheses_do_not_average_their_errors_away() -> None:
    """Two equally likely accounts with independent errors of 1 and 2: the variance is 2.5, not the mean's 1.25."""
    weights, covariance = np.array([[0.5, 0.5]]), np.diag([1.0, 4.0])[None]
    averaged = float(weights[0] @ covariance[0] @ weights[0])
    assert averaged == pytest.approx(1.25)
    assert averaged + headline.kept_apart(weights, covariance)[0] == pytest.approx(2.5)
    assert headline.kept_apart(np.array([[1.0, 0.0]]), covariance)[0] == 0
    assert headline.kept_apart(weights, np.ones((1, 2, 2)))[0] == pytest.approx(0)


def test_only_a_spread_beyond_the_noise_widens() -> None:
    """Independent errors of 1 and 2 at equal weights: Σ w (value − mean)² is (1 + 4)/4 on average from noise alone."""
    weights, covariance = np.array([[0.5, 0.5]]), np.diag([1.0, 4.0])[None]
    draws = np.random.default_rng(0).normal(size=(20000, 2)) * [1.0, 2.0]
    measured = (0.5 * (draws - draws.mean(axis=1, keepdims=True)) ** 2).sum(axis=1).mean()
    assert headline.expected_spread(weights, covariance)[0] == pytest.approx(1.25)
    assert measured == pytest.approx(1.25, rel=0.05)


def certain(parameters: int, sd: float = 1.0) -> Uncertainty:
    """Independent parameters of one standard deviation, known with endless degrees of freedom."""
    zero = np.zeros((1, 1))
    identity = np.eye(parameters)[None]
    return Uncertainty(np.array([sd**2]), identity, np.zeros((parameters, parameters)), zero, zero)


def state(kind: Kind, **changes: float) -> FittedEstimator:
    size = 5 if isinstance(kind, LineKind) else len(kind.form.prior_mean)
    return FittedEstimator(kind, (0.0,) * size, **changes)  # type: ignore[arg-type]


def answer(kind: Kind, value: tuple[float, float], errors: tuple[float, float]) -> headline.Answer:
    """ln N* and L* at one budget, whose errors come from two parameters of the estimator's own."""
    size = len(state(kind).theta)
    by_n, by_loss = np.zeros((2, 1, size))
    by_n[0, 0], by_loss[0, 1] = errors
    return np.array([value[0]]), np.array([value[1]]), by_n, by_loss


def combined(
    given: list[tuple[Kind, tuple[float, float], tuple[float, float]]], *, beyond: float = 0.0, budgets: int = 5
) -> headline.Headline:
    states = [state(kind) for kind, _, _ in given]
    answers = [answer(*one) for one in given]
    uncertainty = certain(sum(len(one.theta) for one in states))
    return headline.combine(states, answers, uncertainty, np.array([beyond]), budgets=budgets)


def test_n_leans_a_quarter_on_the_cubic_and_less_where_that_is_noisy() -> None:
    floor = 0.008**2
    even = combined([(JOINT_SKEW, (20.0, 3.0), (0.1, 0.01)), (CUBIC, (20.4, 3.0), (0.1, 0.01))])
    assert even.weights_params[0] == pytest.approx([0.75, 0.25])
    assert even.log_params[0] == pytest.approx(20.1)
    noisy = combined([(JOINT_SKEW, (20.0, 3.0), (0.1, 0.01)), (CUBIC, (20.0, 3.0), (0.2, 0.01))])
    share = 0.25 * (0.01 + floor) / (0.04 + floor)
    assert noisy.weights_params[0] == pytest.approx([1 - share, share])
    variance = ((1 - share) * 0.1) ** 2 + (share * 0.2) ** 2 + floor
    assert noisy.log_params_half[0] == pytest.approx(1.96 * np.sqrt(variance), rel=1e-3)
    assert noisy.each_log_params_se[0] == pytest.approx([0.1, 0.2])


def test_a_disagreement_beyond_the_noise_widens_the_interval() -> None:
    floor = 0.008**2
    apart = combined([(JOINT_SKEW, (20.0, 3.0), (0.1, 0.01)), (CUBIC, (21.0, 3.0), (0.1, 0.01))])
    between = 0.75 * 0.25 * 1.0 - 0.75 * 0.25 * 0.02
    variance = (0.75 * 0.1) ** 2 + (0.25 * 0.1) ** 2 + between + floor
    assert apart.log_params_half[0] == pytest.approx(1.96 * np.sqrt(variance), rel=1e-3)


def test_exponents_drift_beyond_the_grid() -> None:
    given = [(JOINT_SKEW, (20.0, 3.0), (0.1, 0.01)), (CUBIC, (20.0, 3.0), (0.1, 0.01))]
    near, far = combined(given), combined(given, beyond=np.log(1000.0))  # type: ignore[arg-type]
    extra = (far.log_params_half[0] / 1.96) ** 2 - (near.log_params_half[0] / 1.96) ** 2
    assert extra == pytest.approx((0.002 * np.log(1000)) ** 2, rel=0.05)
    inside = combined(given, beyond=-5.0)  # type: ignore[arg-type]
    assert inside.log_params_half[0] == pytest.approx(near.log_params_half[0])


def test_the_loss_weighs_surfaces_against_the_cubic_by_their_variance() -> None:
    given = [
        (ADDITIVE, (20.0, 3.0), (0.1, 0.02)),
        (JOINT_SKEW, (20.0, 3.0), (0.1, 0.02)),
        (CUBIC, (20.0, 3.2), (0.1, 0.01)),
    ]
    many = combined(given)  # type: ignore[arg-type]
    floor = (2e-4 * (3 + 3 + 3.2) / 3) ** 2
    trust = 1 / (1 + (0.02**2 + floor) / (0.01**2 + floor))
    assert many.weights_loss[0] == pytest.approx([trust / 2, trust / 2, 1 - trust], rel=1e-6)
    assert many.loss[0] == pytest.approx(3 * trust + 3.2 * (1 - trust))
    few = combined(given, budgets=4)  # type: ignore[arg-type]
    assert few.weights_loss[0] == pytest.approx([0, 0, 1]) and few.loss[0] == pytest.approx(3.2)


def test_the_surfaces_errors_of_the_loss_do_not_average_out() -> None:
    """Each may be the right one: their half of the loss has the mean of their variances."""
    found = combined([(ADDITIVE, (20.0, 3.0), (0.1, 0.03)), (JOINT_SKEW, (20.0, 3.0), (0.1, 0.01))])
    variance = (0.03**2 + 0.01**2) / 2 + (2e-4 * 3) ** 2
    assert found.loss_half[0] == pytest.approx(1.96 * np.sqrt(variance), rel=1e-3)


def test_surfaces_that_disagree_weigh_less_against_the_cubic() -> None:
    given = [
        (ADDITIVE, (20.0, 3.0), (0.1, 0.01)),
        (JOINT_SKEW, (20.0, 3.1), (0.1, 0.01)),
        (CUBIC, (20.0, 3.05), (0.1, 0.03)),
    ]
    floor = (2e-4 * 3.05) ** 2
    trust = 1 / (1 + (0.01**2 + floor + 0.05**2) / (0.03**2 + floor))
    weights = combined(given).weights_loss[0]  # type: ignore[arg-type]
    assert weights == pytest.approx([trust / 2, trust / 2, 1 - trust], rel=1e-6)


def test_with_few_budgets_the_frontiers_slope_walks() -> None:
    given = [(JOINT_SKEW, (20.0, 3.0), (0.1, 0.02)), (CUBIC, (20.0, 3.2), (0.1, 0.01))]
    at, beyond = (combined(given, budgets=4, beyond=step) for step in (0.0, 2.0))  # type: ignore[arg-type]
    extra = (beyond.loss_half[0] / 1.96) ** 2 - (at.loss_half[0] / 1.96) ** 2
    assert extra == pytest.approx(0.15**2 * 2**3 / 3, rel=1e-3), "the slope of the cubic here is e^0"
    many = combined(given, budgets=5, beyond=2.0)  # type: ignore[arg-type]
    assert many.loss_half[0] < 0.2 < beyond.loss_half[0]


def test_without_a_cubic_or_a_surface_the_other_answers_alone() -> None:
    alone = combined([(ADDITIVE, (20.0, 3.0), (0.1, 0.02)), (JOINT_SKEW, (21.0, 3.0), (0.1, 0.02))])
    assert alone.weights_params[0] == pytest.approx([0, 1]) and alone.weights_loss[0] == pytest.approx([0.5, 0.5])
    cubic = combined([(ADDITIVE, (20.0, 3.0), (0.1, 0.02)), (CUBIC, (21.0, 3.0), (0.1, 0.02))])
    assert cubic.weights_params[0] == pytest.approx([0, 1])


def test_an_inflated_estimator_has_wider_errors() -> None:
    states = [state(JOINT_SKEW, inflation=3.0), state(CUBIC)]
    answers = [answer(JOINT_SKEW, (20.0, 3.0), (0.1, 0.01)), answer(CUBIC, (20.0, 3.0), (0.1, 0.01))]
    found = headline.combine(states, answers, certain(12), np.zeros(1), budgets=5)
    assert found.each_log_params_se[0] == pytest.approx([0.3, 0.1])
    assert found.each_loss_se[0] == pytest.approx([0.03, 0.01])
    assert (found.each_log_params[0].tolist(), found.each_loss[0].tolist()) == ([20.0, 20.0], [3.0, 3.0])


def test_what_has_no_finite_answer_is_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        combined([(JOINT_SKEW, (200.0, 3.0), (0.1, 0.01))])
    assert caught.value.refusal == OptimumRunsOff()
    assert combined([(JOINT_SKEW, (-199.9, 3.0), (0.1, 0.01))]).log_params[0] == -199.9
    with pytest.raises(RefusedError) as caught, np.errstate(invalid="ignore", over="ignore"):
        combined([(JOINT_SKEW, (20.0, float("nan")), (0.1, 0.01))])
    assert caught.value.refusal == ErrorsUnknown()
    assert combined([(JOINT_SKEW, (20.0, 3.0), (30.0, 0.01))]).log_params_half[0] == 40.0


def test_surfaces_share_the_loss_by_evidence_unless_they_are_rejected() -> None:
    additive, skew, cubic = state(ADDITIVE, evidence=2.0), state(JOINT_SKEW, evidence=5.0), state(CUBIC, evidence=99.0)
    ratio = np.exp(0.5 * -3)
    assert surface_shares([additive, skew, cubic], 0.0) == pytest.approx([ratio / (1 + ratio), 1 / (1 + ratio), 0])
    rejected = replace(skew, inflation=1.01)
    assert surface_shares([additive, rejected], 0.0) == pytest.approx([1, 0])
    assert surface_shares([replace(additive, inflation=2.0), rejected], 0.0) == pytest.approx(
        [ratio / (1 + ratio), 1 / (1 + ratio)]
    )


def bent_by(kappa: float, sd: float) -> tuple[list[FittedEstimator], Uncertainty]:
    """A cubic, and a bent surface whose bend is known to a standard deviation."""
    bent_state = FittedEstimator(JOINT_SKEW_BENT, (0.0,) * 7 + (kappa,))
    return [state(CUBIC), bent_state], certain(13, sd)


def test_the_probability_of_a_bend_is_the_ratio_of_prior_and_posterior_at_zero() -> None:
    assert bend_probability(*bent_by(0.0, 0.07)) == pytest.approx(0.1 / 1.1, rel=1e-3)
    odds = 0.1 * (0.035 / 0.07) * np.exp(3**2 / 2)
    assert bend_probability(*bent_by(3 * 0.035, 0.035)) == pytest.approx(odds / (1 + odds), rel=1e-3)
    assert bend_probability(*bent_by(0.1, 0.0)) == 0
    assert bend_probability([state(CUBIC)], certain(5)) == 0


def test_a_probable_bend_is_told_with_its_direction() -> None:
    (falls,) = bend_sentences(*bent_by(0.1, 0.01))
    assert "its exponent falls by 21% for every tenfold increase in compute (probability of a bend: 1.00)" in falls
    (rises,) = bend_sentences(*bent_by(-0.1, 0.01))
    assert "its exponent rises by 26%" in rises
    assert bend_sentences(*bent_by(0.0, 0.01)) == ()


def test_a_bend_is_told_from_even_odds_on() -> None:
    even = np.sqrt(2 * np.log(1 / (0.1 * 0.035 / 0.07)))
    assert bend_sentences(*bent_by(0.98 * even * 0.035, 0.035)) == ()
    assert len(bend_sentences(*bent_by(1.02 * even * 0.035, 0.035))) == 1

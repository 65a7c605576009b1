"""The headline: the valley's answer beside that of every estimator, its refusals and its invariances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.fitting import headline
from analysis.fitting.cost import TokenCost
from analysis.fitting.estimators import optima_with_gradient
from analysis.fitting.headline import WIDEST, Headline
from analysis.fitting.refused import RefusedError
from analysis.fitting.valley.posterior import Optima, optima
from analysis.law import Law, fit
from analysis.records import EstimatorAnswer
from analysis.refusals import ErrorsUnknown, OptimumRunsOff
from analysis.table.table import RunTable
from tests.unit.analysis.fitting.valley.made import falling
from tests.unit.analysis.law_tables import best, hoffmann, skewed, sweep, table

WIDE = tuple(np.geomspace(1e18, 1e21, 7))
COST = TokenCost.constant(6.0)


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(table(seed=1), holdout=False)


def answer(law: Law, *budgets: float) -> Headline:
    assert law.valley is not None
    return headline.answer(law.valley, np.array(budgets))


def alone(law: Law, *budgets: float) -> list[tuple[EstimatorAnswer, ...]]:
    return headline.alone(law.estimators, law.uncertainty, law.origin, law.cost, np.array(budgets))


def test_its_values_and_widths_are_the_valleys(law: Law) -> None:
    found = answer(law, 1e19, 1e21)
    assert law.valley is not None
    expected = optima(law.valley, np.log([1e19, 1e21]))
    for name in ("log_params", "log_params_half", "loss", "loss_half"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name)), name


def test_every_estimator_is_shown_with_its_own_answer_and_error(law: Law) -> None:
    budgets = np.array([1e19, 1e21])
    found, start = alone(law, *budgets), 0
    assert [len(answers) for answers in found] == [8, 8]
    for m, state in enumerate(law.estimators):
        theta = np.asarray(state.theta)
        log_n, loss, by_n, by_loss = optima_with_gradient(state.kind, theta, law.origin, np.log(budgets), law.cost)
        own = law.uncertainty.total[start : start + len(theta), start : start + len(theta)]
        start += len(theta)
        own_answers = [answers[m] for answers in found]
        assert [one.estimator for one in own_answers] == [state.name] * 2
        assert np.log([one.params for one in own_answers]) == pytest.approx(log_n)
        assert [one.tokens * law.cost.flops_per_token(one.params) for one in own_answers] == pytest.approx(budgets)
        assert [one.loss for one in own_answers] == pytest.approx(loss)
        errors = state.inflation * np.sqrt(np.diag(by_n @ own @ by_n.T))
        assert [one.log_params_se for one in own_answers] == pytest.approx(errors) and (errors > 0).all()
        assert [one.loss_se for one in own_answers] == pytest.approx(
            state.inflation * np.sqrt(np.diag(by_loss @ own @ by_loss.T))
        )


def test_an_inflated_estimator_has_wider_errors_and_moves_nothing(law: Law) -> None:
    (before,) = alone(law, 1e21)
    states = (replace(law.estimators[0], inflation=3.0 * law.estimators[0].inflation), *law.estimators[1:])
    (after,) = alone(replace(law, estimators=states), 1e21)
    ratio = [then.log_params_se / now.log_params_se for then, now in zip(after, before, strict=True)]
    assert ratio == pytest.approx([3.0, *[1.0] * 7])
    assert [(then.params, then.loss) for then in after] == [(now.params, now.loss) for now in before]


def given(monkeypatch: pytest.MonkeyPatch, **changes: float) -> None:
    values = {"log_params": 20.0, "log_params_half": 0.1, "loss": 3.0, "loss_half": 0.01} | changes
    found = Optima(**{name: np.array([value]) for name, value in values.items()})
    monkeypatch.setattr(headline, "optima", lambda *_: found)


@pytest.mark.parametrize("log_params", [200.0, -200.0, float("nan")])
def test_an_optimum_that_runs_off_is_refused(law: Law, monkeypatch: pytest.MonkeyPatch, log_params: float) -> None:
    given(monkeypatch, log_params=log_params)
    with pytest.raises(RefusedError) as caught:
        answer(law, 1e21)
    assert caught.value.refusal == OptimumRunsOff()
    given(monkeypatch, log_params=-199.9)
    assert answer(law, 1e21).log_params[0] == -199.9


@pytest.mark.parametrize("name", ["log_params_half", "loss", "loss_half"])
def test_what_is_not_finite_is_refused(law: Law, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    given(monkeypatch, **{name: float("nan")})
    with pytest.raises(RefusedError) as caught:
        answer(law, 1e21)
    assert caught.value.refusal == ErrorsUnknown()


def test_a_void_interval_is_cut_before_its_ends_overflow(law: Law, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, log_params_half=700.0)
    assert answer(law, 1e21).log_params_half[0] == WIDEST


def test_a_falling_exponent_over_seven_budgets_is_found_and_forecast() -> None:
    for seed in range(4):
        law = fit(table(truth=falling, budgets=WIDE, noise=0.001, seed=seed), holdout=False)
        prediction = law.predict(1e22)
        truth, loss = best(falling, 1e22, COST)
        straight = next(a for a in prediction.estimators if a.estimator == "joint_skew")
        assert truth in prediction.params_interval
        assert loss in prediction.loss_interval
        assert straight.params is not None
        assert abs(np.log(prediction.params / truth)) < 0.5 * abs(np.log(straight.params / truth))
        assert any("falls" in warning for warning in prediction.warnings)


def test_a_power_law_is_not_bent() -> None:
    laws = [fit(table(truth=hoffmann, seed=seed), holdout=False) for seed in range(6)]
    assert sum(any("power law here" in warning for warning in law.warnings) for law in laws) <= 1


def widths(law: Law, flops: float) -> tuple[float, float, float, float]:
    found = law.predict(flops)
    half = np.log(found.params_interval.high / found.params_interval.low) / 2
    return found.params, float(half), found.loss, (found.loss_interval.high - found.loss_interval.low) / 2


def test_losses_in_bits_give_the_same_sizes_and_scaled_losses() -> None:
    runs = table(truth=skewed, seed=2)
    nats, bits = (widths(fit(r, holdout=False), 1e21) for r in (runs, replace(runs, loss=runs.loss / np.log(2))))
    assert bits[:2] == pytest.approx(nats[:2], rel=1e-6)
    assert np.array(bits[2:]) * np.log(2) == pytest.approx(nats[2:], rel=1e-6)


def test_units_of_size_tokens_and_compute_scale_the_answer() -> None:
    runs = table(truth=skewed, seed=2)
    scaled = replace(
        runs, params=runs.params * 1e3, tokens=runs.tokens * 10, flops=runs.flops * 1e4, budgets=runs.budgets * 1e4
    )
    plain, other = widths(fit(runs, holdout=False), 1e21), widths(fit(scaled, holdout=False), 1e25)
    assert other[0] == pytest.approx(1e3 * plain[0], rel=1e-3)
    assert other[1:] == pytest.approx(plain[1:], rel=1e-3)


def test_the_order_of_rows_changes_nothing() -> None:
    data = sweep(truth=skewed, seed=5)
    laws = [fit(RunTable.from_frame(d), holdout=False) for d in (data, data.sample(frac=1, random_state=1))]
    assert widths(laws[0], 1e21) == pytest.approx(widths(laws[1], 1e21), rel=1e-3)

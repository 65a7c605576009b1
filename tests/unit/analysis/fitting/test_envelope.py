"""The envelope: exponents of a known surface from its training curves, and every reason to refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.fitting.envelope import Envelope, envelope
from analysis.law import fit
from analysis.refusals import (
    OneLossARun,
    Refusal,
    ScheduleTooLong,
    TooFewCrossings,
    UnfinishedSchedule,
    UnknownSchedule,
)
from analysis.table.table import RunTable
from analysis.wording import refusal_message

TRUTH = 0.28 / (0.34 + 0.28)


def curves(
    schedule: str | None = "cosine", *, sizes: int = 20, lengths: int = 8, excess: float = 0.15, noise: float = 0.0
) -> pd.DataFrame:
    """Runs of each size for several lengths on Hoffmann et al.'s surface; along a run the loss is up to `excess` above."""
    generator = np.random.default_rng(0)
    rows = []
    for params in np.geomspace(3e7, 8e9, sizes):
        for length in np.geomspace(2e9, 1.28e11, lengths):
            tokens = np.geomspace(length / 64, length, 80)
            above = excess * (1 + np.cos(np.pi * tokens / length)) / 2
            loss = 1.69 + 406.4 / params**0.34 + 410.7 / tokens**0.28 + above + generator.normal(0, noise, 80)
            run = f"{params:.3g} for {length:.3g}"
            rows.append(pd.DataFrame({"run": run, "params": params, "tokens": tokens, "loss": loss}))
    data = pd.concat(rows, ignore_index=True)
    data["flops"] = 6 * data["params"] * data["tokens"]
    return data if schedule is None else data.assign(schedule=schedule)


def found(data: pd.DataFrame) -> Envelope:
    result = envelope(RunTable.from_frame(data).curves)
    assert isinstance(result, Envelope), result
    return result


def refused(data: pd.DataFrame) -> Refusal:
    result = envelope(RunTable.from_frame(data).curves)
    assert isinstance(result, Refusal)
    return result


def test_points_that_are_each_matched_give_the_exponents_to_a_thousandth() -> None:
    result = found(curves("matched", sizes=9, lengths=2, excess=0.0))
    size, data = result.laws
    assert (size.quantity, data.quantity, size.estimator) == ("params", "tokens", "envelope")
    assert size.exponent == pytest.approx(TRUTH, abs=1e-3)
    assert data.exponent == pytest.approx(1 - TRUTH, abs=1e-3)
    balance = (0.34 * 406.4 / (0.28 * 410.7)) ** (1 / 0.62)
    for flops, params, tokens in zip(result.flops, result.params, result.tokens, strict=True):
        assert params == pytest.approx(balance * (flops / 6) ** TRUTH, rel=0.01)
        assert 6 * params * tokens == pytest.approx(flops)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_cosine_runs_of_several_lengths_give_the_exponent_within_its_interval(noise: float) -> None:
    size = found(curves(noise=noise)).laws[0]
    assert size.exponent == pytest.approx(TRUTH, abs=0.02)
    assert size.exponent_interval is not None and TRUTH in size.exponent_interval
    assert size.exponent_interval.high - size.exponent_interval.low < 0.06


@pytest.mark.parametrize("schedule", ["wsd", "WSD", "constant"])
def test_runs_whose_schedule_does_not_end_are_refused(schedule: str) -> None:
    refusal = refused(curves(schedule, sizes=4, lengths=2))
    assert refusal.reason == "wrong_schedule"
    assert f"trained on {schedule.lower()}" in refusal_message(refusal)


def test_an_unknown_schedule_one_too_long_and_too_few_sizes_are_refused() -> None:
    assert "add a column schedule" in refusal_message(refused(curves(None, sizes=4, lengths=2)))
    long = curves(sizes=4, lengths=2).assign(horizon=1.28e11)
    assert "for up to 64 times the tokens" in refusal_message(refused(long))
    assert refused(curves("matched", sizes=3, lengths=1)).reason == "too_few_sizes"
    assert refused(curves("cosine", sizes=9, lengths=1)).reason == "too_few_sizes"


def test_a_fit_carries_the_envelope_or_its_refusal() -> None:
    data = curves()
    law = fit(RunTable.from_frame(data), holdout=False)
    assert {entry.quantity for entry in law.power_laws if entry.estimator == "envelope"} == {"params", "tokens"}
    assert "envelope" not in law.refusals
    last = data.groupby("run", sort=False).tail(1)
    plain = fit(RunTable.from_frame(last), holdout=False)
    assert plain.refusals["envelope"].reason == "one_loss_a_run"
    assert plain.law_id != law.law_id


def test_refusals_carry_their_numbers() -> None:
    long = curves(sizes=4, lengths=2).assign(horizon=1.28e11)
    found = refused(long)
    assert isinstance(found, ScheduleTooLong) and found.factor == pytest.approx(64) and len(found.runs) == 4
    within = curves(sizes=4, lengths=2)
    within["horizon"] = within.groupby("run")["tokens"].transform("max") * 1.24
    assert not isinstance(refused(within), ScheduleTooLong)
    unknown = refused(curves(None, sizes=4, lengths=2))
    assert isinstance(unknown, UnknownSchedule) and len(unknown.runs) == 8 and "cosine" in unknown.known
    wsd = refused(curves("wsd", sizes=4, lengths=2))
    assert wsd == UnfinishedSchedule(unknown.runs, ("wsd",))
    few = refused(curves("matched", sizes=3, lengths=1))
    assert isinstance(few, TooFewCrossings) and few.needed == 3 and few.crossings < 3
    assert envelope(None) == OneLossARun()


def test_the_laws_go_through_the_crossings() -> None:
    found_ = found(curves("matched", sizes=9, lengths=2, excess=0.0))
    assert list(found_.flops) == sorted(found_.flops) and len(found_.flops) >= 3
    for law, values in zip(found_.laws, (found_.params, found_.tokens), strict=True):
        fitted = law.coefficient * np.array(found_.flops) ** law.exponent
        assert np.log(fitted / np.array(values)).mean() == pytest.approx(0, abs=1e-9)
        assert law.exponent_interval is not None
        middle = (law.exponent_interval.low + law.exponent_interval.high) / 2
        assert middle == pytest.approx(law.exponent)
    for flops, params, tokens, loss in zip(found_.flops, found_.params, found_.tokens, found_.losses, strict=True):
        assert loss == pytest.approx(1.69 + 406.4 / params**0.34 + 410.7 / tokens**0.28, abs=0.03)
        assert flops == pytest.approx(6 * params * tokens)

"""What a person reads of a plan: the verdict first, then noise, hours and intervals to expect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.answers.expected import ExpectedWidth
from orchestrator.cli.display import show_expected, show_hours, show_plan, show_verdict
from orchestrator.use_cases.hours import Judged
from orchestrator.use_cases.planning import Planned
from sweeps.file.spec import SeedsSpec, SweepSpec
from sweeps.plan.combination import Combination
from sweeps.plan.expected_width import USUAL_NOISE, Expected
from sweeps.plan.filling import Filled
from sweeps.plan.plan import make_plan
from sweeps.plan.records import Cause
from sweeps.plan.verdict import Remedy, Verdict
from tests.unit.sweeps.plans import FACTS, Steady, spec_of

GOOD = Verdict(True, Combination(), 5, 5, 4e12, reach=100.0)
BAD = Verdict(False, Combination(), 2, 5, 1e13, Cause.DATA, remedy=Remedy(("epochs_max=4",), 34, 35, 2760.0))


def planned(**changes: object) -> Planned:
    spec = spec_of(**changes)
    return Planned(make_plan(spec, FACTS, Steady()), FACTS, "cpu", 2)


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def verdict_lines(capsys: pytest.CaptureFixture[str], verdict: Verdict, filled: Filled | None = None) -> list[str]:
    show_verdict(Judged(planned(), USUAL_NOISE, (), verdict, filled))
    return shown(capsys)


def test_no_law_is_said_with_the_change_that_gives_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict_lines(capsys, BAD) == [
        "✗ no law: 3 of 5 budgets keep fewer than 5 sizes (epochs_max)",
        "  → epochs_max=4: 34 of 35 cells, 46 min",
    ]
    listing = replace(BAD, remedy=Remedy(("budgets=[1e9, 2e9, 4e9]", "sizes.count=7"), 21, 21, None))
    assert verdict_lines(capsys, listing)[1] == "  → 'budgets=[1e9, 2e9, 4e9]' sizes.count=7: 21 of 21 cells"
    assert len(verdict_lines(capsys, replace(BAD, remedy=None))) == 1


def test_a_law_is_said_with_its_reach(capsys: pytest.CaptureFixture[str]) -> None:
    useful = "N* within a factor of 1.5 and the loss within ±0.1"
    assert verdict_lines(capsys, GOOD) == [
        f"✓ law expected from 5 of 5 budgets; useful up to 4×10¹⁴ FLOPs, ×100 the largest budget ({useful})"
    ]
    (weak,) = verdict_lines(capsys, replace(GOOD, reach=0.0))
    assert weak == f"✓ law expected from 5 of 5 budgets; its runs are too few for {useful}, even at the largest budget"
    (lacking,) = verdict_lines(capsys, replace(GOOD, curves=4, cause=Cause.DATA))
    assert lacking.startswith(
        "! law expected from 4 of 5 budgets: 1 of 5 budgets keeps fewer than 5 sizes (epochs_max)"
    )


def test_what_fills_the_hours_is_said_ready_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
    spec = SweepSpec("t", (1e11, 3e11, 1e12), seeds=SeedsSpec(1, 3, 2))
    overrides = (
        "'budgets=[1e11, 3e11, 1e12]' sizes.count=7 seeds.default=1 seeds.smallest_budget=3 seeds.largest_budget=2"
    )
    filled = Filled(spec, 5.0, 4.98, 1e14)
    assert verdict_lines(capsys, GOOD, filled)[1] == f"  4.98 of 5 hours: {overrides}"
    limited = verdict_lines(capsys, GOOD, replace(filled, epochs_needed=3.2))[1]
    assert limited.endswith("; larger budgets need epochs_max=3.2, or more text")
    unfilled = verdict_lines(capsys, GOOD, replace(filled, hours=4.4, epochs_needed=3.2))[1]
    assert unfilled.endswith("; the data run out; filling the hours needs epochs_max=3.2, or more text")


def test_the_plan_ends_with_its_noise_and_totals(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(planned(seeds=SeedsSpec(1, 3, 2)))
    *_, noise, totals = shown(capsys)
    assert noise.startswith("noise: 3 seeds at 10¹¹ and 2 seeds at 10¹²; the noise between seeds will have 3 degrees")
    assert noise.endswith("lie between 0.57 and 3.73 times its estimate (95 %)")
    assert totals.startswith("24 runs, 0 cells dropped, ") and "about 9 min 10 s" in totals
    show_plan(planned())
    assert "seeds.smallest_budget=3 would measure the noise between seeds" in shown(capsys)[-2]


def test_a_plan_of_experts_shows_all_parameters_beside_the_active_ones(capsys: pytest.CaptureFixture[str]) -> None:
    mixture = planned(vary={"experts": [1, 8]})
    rows = mixture.plan.runs
    dense, mixed = rows[0], next(run for run in rows if run.run.model.experts == 8)
    assert mixed.shape == f"{dense.shape} e8a1" and mixed.params == pytest.approx(dense.params, rel=0.02)
    assert mixed.params_total > 1.3 * dense.params_total
    show_plan(mixture)
    header = shown(capsys)[1]
    assert header.split()[:4] == ["budget", "N", "all", "D"]
    show_plan(planned())
    assert "all" not in shown(capsys)[1].split()


def test_a_plan_says_which_runs_share_a_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    plan = make_plan(spec_of(), FACTS, Steady())
    show_plan(Planned(plan, FACTS, "cuda", 1))
    assert "shares of a GPU" not in capsys.readouterr().err
    first, second, *others = plan.runs
    shared = (replace(first, processes=4), replace(second, processes=2), *(replace(run, processes=4) for run in others))
    show_plan(Planned(replace(plan, runs=shared), FACTS, "cuda", 1))
    said = " ".join(capsys.readouterr().err.split())
    assert "shares of a GPU: 1 run trains 2 at a time, " in said
    assert f"shares of a GPU: {len(plan.runs) - 1} runs train 4 at a time, each in a process of its own" in said


def test_hours_are_shown_by_budget_and_in_all(capsys: pytest.CaptureFixture[str]) -> None:
    show_hours(replace(planned(), notes=("a corpus of 1e9 tokens",)))
    lines = shown(capsys)
    assert lines[0].startswith("Predicted hours on cpu")
    assert lines[-2].startswith("predicted: 0.272 device-hours, 8 min")
    assert lines[-2].endswith("on 2 × cpu, without evaluation and start-up")
    assert lines[-1] == "assumed: a corpus of 1e9 tokens"


def test_expected_intervals_are_shown_by_combination(capsys: pytest.CaptureFixture[str]) -> None:
    widths = (ExpectedWidth(1.0, 1.1, 0.01), ExpectedWidth(10.0, 1.25, 0.034), ExpectedWidth(100.0, 1.5, 0.07))
    varied = Combination.of({"lr": 0.1})
    show_expected((Expected(varied, widths), Expected(varied, (), "too few")), USUAL_NOISE)
    good, bad = shown(capsys)
    assert good == (
        "expected 95 % interval with lr=0.1: at ×10 the largest budget, N* within a factor of 1.25 and the loss within "
        "±0.034; at ×100 the largest budget, N* within a factor of 1.50 and the loss within ±0.070 (simulated with "
        "usual misfit, seed noise of 0.01 nats per token: usual for small runs)"
    )
    assert bad == "warning: this grid gives no law with lr=0.1: too few"

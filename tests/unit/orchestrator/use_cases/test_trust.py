"""What a summary says of trust, from laws with known faults."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.law import fit
from analysis.names import EstimatorName
from analysis.records import LawError
from analysis.refusals import EdgeMinimum, TooFewSizes
from analysis.table.excluded import ExcludedRow
from analysis.table.table import RunTable
from orchestrator.use_cases.trust import Facts, Finding, Mark, Reach, _beyond, budget_of_tokens, findings, reach_of
from tests.unit.analysis.law_tables import small, sweep
from tests.unit.orchestrator.cli.laws import checked, held, no_law, short_law, small_law, with_holdout

LAB = Facts("lab", 21, 21, sweep="lab")
TABLE = Facts("mine", 21, 21)


def _found(law: object, facts: Facts, words: str) -> list[Finding]:
    return [finding for finding in findings(law, facts) if words in finding.text]  # type: ignore[arg-type]


def test_doubts_come_first_and_unchecked_things_last() -> None:
    marks = [finding.mark for finding in findings(small_law(), replace(LAB, done=20))]
    assert marks == sorted(marks, key=list(Mark).index)
    assert {Mark.DOUBT, Mark.FINE, Mark.UNCHECKED} == set(marks)


def test_runs_without_a_result_are_named_with_the_verb_that_queues_them() -> None:
    (missing,) = _found(small_law(), replace(LAB, done=19), "no result")
    assert missing == Finding(Mark.DOUBT, "2 of 21 runs have no result", "isoflop retry lab")
    assert _found(small_law(), replace(TABLE, done=19), "no result") == [], "rows of a table were left out"
    assert _found(small_law(), LAB, "no result") == []


def test_curves_with_and_without_a_minimum() -> None:
    (fine,) = _found(small_law(), LAB, "curves have a minimum")
    assert fine == Finding(Mark.FINE, "3 of 3 curves have a minimum")
    (one,) = _found(short_law(1), LAB, "no minimum")
    assert one == Finding(Mark.DOUBT, "no minimum at 1.6e12: too few sizes", "more sizes")
    edge = EdgeMinimum(EstimatorName.CUBIC, 1e5, "largest")
    refused = {EstimatorName.AKIMA: TooFewSizes(1e12, 4, 5), EstimatorName.CUBIC: edge, EstimatorName.PARABOLA: edge}
    curves = (*small_law().curves[:2], replace(small_law().curves[2], minima=(), refusals=refused))
    (most,) = _found(replace(small_law(), curves=curves), LAB, "no minimum")
    assert most == Finding(Mark.DOUBT, "no minimum at 1e12: minimum at the edge of the sizes", "move or widen sizes"), (
        "the reason of most estimators"
    )
    (two,) = _found(short_law(2), LAB, "no minimum")
    assert two.text == "2 of 5 curves have no minimum (too few sizes)"


def test_the_reach_of_a_law_is_where_its_intervals_are_narrow_enough() -> None:
    law = small_law(noise=0.03)
    reach = reach_of(law)
    assert reach is not None
    for multiple, inside in ((reach.loss, True), (3.4 * max(reach.loss, 1), False)):
        p = law.predict(multiple * law.largest_budget)
        assert (p.loss - p.loss_interval.low <= 0.1) is inside
    assert reach_of(no_law()) is None
    noisy = reach_of(small_law(noise=0.15))
    assert noisy is not None and (noisy.params, noisy.loss) == (0.0, 0.0)


def test_a_short_reach_names_a_budget_to_add() -> None:
    (doubt,) = [f for f in findings(small_law(noise=0.03), LAB) if "hardly known" in f.text]
    assert doubt.text.startswith("3 budgets: ") and doubt.text.endswith("beyond ×3")
    assert doubt.remedy == "add budget 3e12"
    (worse,) = [f for f in findings(small_law(noise=0.15), LAB) if "hardly known" in f.text]
    assert worse.text == "1 budget: N* and loss hardly known even at the largest budget"
    assert worse.remedy == "more sizes or seeds"


def test_what_is_hardly_known_begins_beyond_a_multiple_or_the_largest_budget() -> None:
    assert [_beyond(multiple) for multiple in (30.0, 3.0, 1.0, 0.0)] == [
        "beyond ×30",
        "beyond ×3",
        "beyond the largest",
        "even at the largest budget",
    ]


def test_a_wide_reach_is_fine_until_one_asks_further() -> None:
    budgets = (1e11, 2e11, 4e11, 8e11, 1.6e12, 3.2e12)
    law = small_law(noise=0.0003, budgets=budgets)
    (fine,) = _found(law, LAB, "N* within")
    assert fine.mark is Mark.FINE
    assert fine.text == "N* within ×1.5, loss within ±0.1 up to ×100"
    assert [f for f in findings(law, LAB, [law.predict(1e15)]) if "hardly" in f.text] == []
    uneven = small_law(noise=0.03, budgets=budgets[:5])
    assert reach_of(uneven) == Reach(100.0, 10.0)
    assert _found(uneven, LAB, "N* within")[0].text.endswith("up to ×10")
    medium = small_law(noise=0.045, budgets=budgets)
    reach = reach_of(medium)
    assert reach == Reach(30.0, 10.0)
    assert [f for f in findings(medium, LAB) if "hardly" in f.text] == []
    far = findings(medium, LAB, [medium.predict(90 * medium.largest_budget)])
    assert [f for f in far if "hardly" in f.text] != []


def test_the_budget_to_which_the_data_last() -> None:
    law = small_law()
    tokens = law.predict(7e12).tokens
    assert budget_of_tokens(law, tokens) == pytest.approx(7e12, rel=0.01)
    assert budget_of_tokens(law, 1.0) is None
    assert budget_of_tokens(no_law(), tokens) is None
    facts = replace(LAB, unique_tokens=round(tokens))
    (once,) = _found(law, facts, "one pass")
    assert once.text.endswith("tokens: enough up to 7e12") and once.mark is Mark.DOUBT
    assert "epochs_max" in once.remedy
    twice = replace(LAB, unique_tokens=round(tokens / 2), epochs_max=2.0)
    assert _found(law, twice, "2 passes")[0].text.endswith(": enough up to 7e12")
    later = replace(LAB, unique_tokens=round(law.predict(9e13).tokens))
    assert _found(law, later, "one pass")[0].text.endswith(": enough up to 9e13")
    plenty = replace(LAB, unique_tokens=round(law.predict(1.1e14).tokens))
    assert _found(law, plenty, "pass") == []
    assert _found(law, LAB, "pass") == []


def test_predictions_that_were_tested() -> None:
    good = [held(1.5, True, True)] * 4
    (fine,) = _found(with_holdout(*good, held(1.2, False, False), held(3, True, False)), LAB, "later budgets")
    assert (fine.mark, fine.text) == (Mark.FINE, "4 of 5 later budgets lay inside their predicted intervals")
    (poor,) = _found(with_holdout(*good[:3], held(2, False, True)), LAB, "later budgets")
    assert (poor.mark, poor.text[:11]) == (Mark.DOUBT, "only 3 of 4")
    assert _found(with_holdout(held(1.4, True, True)), LAB, "no prediction tested")[0].mark is Mark.UNCHECKED
    scored = replace(LAB, forecasts_scored=5, forecasts_inside=4)
    (inside,) = _found(with_holdout(), scored, "forecast intervals")
    assert (inside.mark, inside.text) == (Mark.FINE, "4 of 5 forecast intervals contained their run's loss")
    assert _found(with_holdout(), scored, "no prediction") == []
    fewer = replace(scored, forecasts_inside=3)
    assert _found(with_holdout(), fewer, "forecast intervals")[0].mark is Mark.DOUBT


def test_the_check_of_the_recipe() -> None:
    def finding(*verdicts: str, facts: Facts = LAB) -> Finding | None:
        law = replace(small_law(), recipe_check=tuple(checked(verdict) for verdict in verdicts))
        found = _found(law, facts, "recipe")
        return found[0] if found else None

    assert finding("passes", "passes") == Finding(Mark.FINE, "recipe passes in 2 of 2 cells")
    assert finding("passes", "fails", "open") == Finding(
        Mark.DOUBT, "recipe fails in 1 of 3 cells (10¹¹)", "recipe_overrides"
    )
    assert finding("passes", "open") == Finding(Mark.UNCHECKED, "recipe check unfinished")
    assert finding() == Finding(Mark.UNCHECKED, "recipe not checked (recipe_check)")
    assert finding(facts=TABLE) is None


@pytest.mark.parametrize(("exponent", "doubts"), [(0.213, 1), (0.5, 0), (0.8, 1)])
def test_an_exponent_that_is_not_plausible(exponent: float, doubts: int) -> None:
    law = small_law()
    powers = tuple(replace(p, exponent=exponent) if p.quantity == "params" else p for p in law.power_laws)
    found = _found(replace(law, power_laws=powers), LAB, "not plausible")
    wanted = f"N* ∝ C^{exponent:.2f} is not plausible (0.3 to 0.75 is)"
    assert found == [Finding(Mark.DOUBT, wanted, "check what N counts, warmup, schedule")] * doubts


def test_rows_left_out_are_named_with_their_reasons() -> None:
    row = ExcludedRow("a", None, None, None, "its loss of 10 is 7 above the curves of the other runs")
    (one,) = _found(replace(small_law(), excluded=(row,)), LAB, "left out")
    assert one == Finding(Mark.UNCHECKED, f"1 row was left out: a ({row.reason})")
    many = tuple(replace(row, run=f"r{index}") for index in range(5))
    (five,) = _found(replace(small_law(), excluded=many), LAB, "left out")
    assert five.text == f"5 rows were left out: r0, r1, r2 and 2 more ({row.reason})"
    assert _found(small_law(), LAB, "rows") == []


def test_rows_of_a_table_that_are_on_no_curve_are_counted() -> None:
    (one,) = _found(small_law(), replace(TABLE, done=20), "surface")
    assert one == Finding(Mark.UNCHECKED, "1 run is too far from every surface for a budget's curve")
    row = ExcludedRow("a", None, None, None, "no loss")
    (two,) = _found(replace(small_law(), excluded=(row,)), replace(TABLE, done=18), "surface")
    assert two.text.startswith("2 runs are too far")
    assert _found(small_law(), replace(LAB, done=19), "surface") == []


def test_a_curve_that_does_not_bend_has_no_minimum_for_the_summary_as_for_the_law() -> None:
    """Noise makes dips, in which a spline has its minima: the summary counted them, and the law did not."""
    flat = sweep(budgets=(1e18, 3e18, 1e19, 3e19))
    law = fit(RunTable.from_frame(flat.assign(loss=np.random.default_rng(0).normal(2, 0.002, len(flat)))))
    assert sum(bool(curve.minima) for curve in law.curves) > 2
    with pytest.raises(LawError, match="no budget's curve has a minimum"):
        law.predict(1e19)
    assert _found(law, TABLE, "have a minimum") == []
    (doubt,) = _found(law, TABLE, "no minimum")
    assert doubt.text == "4 of 4 curves have no minimum (curvature not established)"


def test_one_curve_has_a_minimum() -> None:
    law = fit(RunTable.from_frame(sweep(small, (1e12,), noise=0.002)))
    assert [finding.text for finding in _found(law, TABLE, "a minimum")] == ["1 of 1 curve has a minimum"]

"""A law at a glance: two lines of text, and a table whose text is escaped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.law import Law, fit
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import sweep, table


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(table(seed=1), holdout=False)


def test_a_law_prints_its_budgets_and_its_answer(law: Law) -> None:
    first, second = repr(law).splitlines()
    assert first == "Law(5 budgets, 10¹⁸ to 10²⁰ FLOPs, 35 runs)"
    optimum = law.predict(1e20)
    exponent = next(p for p in law.power_laws if p.estimator == "headline" and p.quantity == "params")
    assert second.startswith("At 10²⁰ FLOPs N* is ") and f"loss {optimum.loss:.3f} (one run " in second
    assert f"N* ∝ C^{exponent.exponent:.3f} (" in second


def test_without_a_law_it_says_so() -> None:
    law = fit(table(budgets=(1e18,)), holdout=False)
    assert repr(law) == ("Law(1 budget, 10¹⁸ FLOPs, 7 runs)\nNo law could be fitted; law.refusals has the reasons.")
    assert "<td>cubic</td>" in law._repr_html_()


def test_the_table_has_a_row_for_each_budget_with_its_optimum_or_refusal(law: Law) -> None:
    html = law._repr_html_()
    assert html.count("<tr>") == 6 and "<td>10¹⁸</td><td>7</td>" in html
    cubic = next(minimum for minimum in law.curves[0].minima if minimum.estimator == "cubic")
    assert f"<td>{cubic.params / 1e6:.3g} M</td><td>{cubic.tokens / 1e9:.3g} B</td><td>{cubic.loss:.3f}</td>" in html
    assert html.endswith("Losses: as in the data.</p>")
    refused = fit(table(off_centre=6.0, seed=4), holdout=False)
    assert any(not curve.minima for curve in refused.curves)
    assert "<td>–</td><td>–</td><td>–</td><td>minimum at the edge of the sizes</td>" in refused._repr_html_()


def test_text_is_escaped(law: Law) -> None:
    assert "Losses: &lt;b&gt;&amp;" in replace(law, loss_unit="<b>&")._repr_html_()


def test_a_table_prints_its_runs(law: Law) -> None:
    data = sweep().assign(state="done")
    assert repr(table()) == "RunTable(35 runs, 5 budgets, 1e+18 to 1e+20 FLOPs)"
    data.loc[3, "state"] = "failed"
    assert repr(RunTable.from_frame(data)).endswith("FLOPs, 1 row left out)")

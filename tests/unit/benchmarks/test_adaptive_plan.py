"""What plans of adaptive sweeps expect, held against what they came to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.fitting.local_minima import LocalMinimum, local_minima
from benchmarks.adaptive_plan import compare, report
from benchmarks.suggest_rules import Case, answer
from tests.unit.analysis.law_tables import table


@pytest.mark.slow
def test_a_plan_of_a_simulated_pool_expects_about_what_comes() -> None:
    pool = table(noise=0.01)
    case = Case("simulated", pool, 3e20, LocalMinimum(20.7, 2.5, 0.05, 0.005), local_minima(pool))
    _, whole = answer(pool, case.flops)
    assert whole is not None
    rows = list(compare(case, 0, whole))
    assert [row["noise"] for row in rows] == ["usual", "own"]
    assert all(abs(float(row["params"])) < np.log(4) and abs(float(row["loss"])) < np.log(4) for row in rows)
    assert report(pd.DataFrame(rows)).count("| 1 |") == 2


def test_the_report_has_medians_of_ratios_by_table_and_over_all() -> None:
    rows = [
        {"data": data, "noise": noise, "params": np.log(ratio), "loss": np.log(ratio * 2)}
        for data, ratio in (("a", 1.5), ("a", 1.5), ("b", 0.5))
        for noise in ("usual", "own")
    ]
    text = report(pd.DataFrame(rows)).splitlines()
    assert text[2] == "| a | 2 | 1.50 (÷× 1.00) | 3.00 (÷× 1.00) | 1.50 (÷× 1.00) | 3.00 (÷× 1.00) |"
    assert text[4].startswith("| **all** | 3 | 1.50")

"""Rolling hold-out: how many fits it may cost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.fitting.cost import TokenCost
from analysis.fitting.holdout import MOST_BUDGETS, rolling_holdout
from analysis.fitting.isoflop import fit_budget
from analysis.records import LawError
from analysis.table.table import RunTable


def test_of_many_budgets_only_so_many_are_held_out() -> None:
    flops = np.repeat(np.geomspace(1e18, 1e21, 60), 5)
    params = np.sqrt(flops / 120) * np.tile(np.geomspace(0.25, 4, 5), 60)
    loss = 3 + 0.1 * np.log(params / np.sqrt(flops / 120)) ** 2 - 0.1 * np.log(flops / 1e18)
    table = RunTable.from_frame(pd.DataFrame({"flops": flops, "params": params, "loss": loss}))
    rows = [table.budget == budget for budget in range(60)]
    curves = [
        fit_budget(float(table.budgets[b]), table.params[at], table.tokens[at], table.loss[at]).record(
            TokenCost.constant(6.0), 0.01
        )
        for b, at in enumerate(rows)
    ]
    trained: list[int] = []

    def fit(earlier: RunTable) -> None:
        trained.append(len(earlier.budgets))
        raise LawError("not needed")

    assert rolling_holdout(table, curves, fit) == ()
    assert len(trained) == MOST_BUDGETS - 3
    assert trained == sorted(trained) and trained[0] >= 3 and trained[-1] == 59

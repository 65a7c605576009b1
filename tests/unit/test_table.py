"""RunTable: what is read, what is excluded, and every way a table can be refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.records import LawError
from analysis.table import MAX_ROWS, RunTable


def frame(budgets: tuple[float, ...] = (1e18, 3e18, 1e19), sizes: int = 5) -> pd.DataFrame:
    rows = []
    for flops in budgets:
        for params in np.geomspace(1e8, 1e9, sizes):
            rows.append({"flops": flops, "params": params, "tokens": flops / 6 / params, "loss": 3 + params / flops})
    return pd.DataFrame(rows)


def test_budgets_come_from_their_column_where_there_is_one() -> None:
    data = frame()
    data["budget"] = data["flops"]
    data["flops"] *= np.random.default_rng(0).uniform(0.99, 1.01, len(data))
    table = RunTable.from_frame(data)
    assert table.budgets.tolist() == [1e18, 3e18, 1e19]
    assert np.bincount(table.budget).tolist() == [5, 5, 5]


def test_budgets_come_from_gaps_not_from_rounding() -> None:
    """1.5e19 and 2.4e19 round to one significant figure as 2e19."""
    table = RunTable.from_frame(frame((1.5e19, 2.4e19, 9.6e19)))
    assert np.allclose(table.budgets, [1.5e19, 2.4e19, 9.6e19])


def test_scattered_budgets_are_split_at_their_largest_gaps() -> None:
    data = frame((1e18, 2e18, 4e18), sizes=9)
    data["flops"] *= np.exp(np.random.default_rng(1).uniform(-0.12, 0.12, len(data)))
    table = RunTable.from_frame(data)
    assert np.bincount(table.budget).tolist() == [9, 9, 9]


def test_tokens_may_be_absent() -> None:
    table = RunTable.from_frame(frame().drop(columns="tokens"))
    assert not table.tokens_given
    assert np.allclose(table.tokens, table.flops / 6 / table.params)
    assert any("no tokens" in warning for warning in table.warnings)


def test_column_names_can_be_given() -> None:
    renamed = frame().rename(columns={"flops": "C", "params": "N", "tokens": "D", "loss": "eval/loss"})
    table = RunTable.from_frame(renamed, flops="C", params="N", tokens="D", loss="eval/loss")
    assert table == RunTable.from_frame(frame())


def test_unfinished_runs_are_excluded_and_listed() -> None:
    data = frame()
    data["run"] = [f"r{i}" for i in range(len(data))]
    data["state"] = "done"
    data.loc[3, "state"] = "failed"
    data.loc[7, "loss"] = np.nan
    table = RunTable.from_frame(data)
    assert len(table) == 13
    assert [(row["run"], row["reason"]) for row in table.excluded] == [
        ("r3", "state is failed"),
        ("r7", "the loss is no finite number"),
    ]


def test_rows_entered_twice_count_once_but_seeds_count_each() -> None:
    data = pd.concat([frame(), frame().iloc[:2]])
    table = RunTable.from_frame(data)
    assert len(table) == 15
    assert [row["reason"] for row in table.excluded] == ["repeats another row"] * 2
    seeds = pd.concat([frame().assign(seed=0), frame().iloc[:2].assign(seed=1)])
    assert len(RunTable.from_frame(seeds)) == 17


def test_the_digest_ignores_the_order_of_rows_and_sees_a_changed_loss() -> None:
    data = frame()
    shuffled = data.sample(frac=1, random_state=3)
    assert RunTable.from_frame(data).digest == RunTable.from_frame(shuffled).digest
    changed = data.copy()
    changed.loc[0, "loss"] += 1e-6
    assert RunTable.from_frame(data).digest != RunTable.from_frame(changed).digest


def test_trunks_group_runs_and_missing_trunks_do_not() -> None:
    data = frame()
    data["trunk"] = ["a", "a", None, "b", ""] * 3
    trunk = RunTable.from_frame(data).trunk
    assert trunk[0] == trunk[1] == trunk[5]
    assert len({trunk[2], trunk[4], trunk[7], trunk[9]}) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.drop(columns="loss"), "no column loss"),
        (lambda d: d.iloc[:0], "no rows"),
        (lambda d: d.assign(params=-d.params), "column params: 15 values are not positive"),
        (lambda d: d.assign(flops=d.flops.where(d.index != 4)), "the first in row 4"),
        (lambda d: d.assign(params="many"), "column params"),
        (lambda d: d.assign(loss=3.0), "all losses are equal"),
        (lambda d: d.assign(flops=np.log10(d.flops)), "look like log10"),
        (lambda d: d.assign(params=d.params / 1e9), "cannot be params"),
        (lambda d: d.assign(loss=np.nan), "none of the 15 rows"),
        (lambda d: pd.concat([d] * (MAX_ROWS // 15 + 1)), "training curves"),
    ],
)
def test_a_bad_table_is_refused_with_the_reason(change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LawError, match=message):
        RunTable.from_frame(change(frame()))


def test_a_million_rows_are_refused_before_any_work() -> None:
    with pytest.raises(LawError, match="1,000,000 rows"):
        RunTable.from_frame(pd.DataFrame(np.ones((1_000_000, 4)), columns=["flops", "params", "tokens", "loss"]))


def test_a_wrong_unit_that_cannot_be_sure_is_a_warning() -> None:
    table = RunTable.from_frame(frame().assign(tokens=lambda d: d.tokens / 1e3))
    assert any("far from 6" in warning for warning in table.warnings)


def test_read_csv_names_the_file_in_every_error(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    frame().to_csv(path, index=False)
    assert RunTable.read_csv(path) == RunTable.from_frame(frame())
    path.write_text("a,b\n1,2\n")
    with pytest.raises(LawError, match=r"runs\.csv: no column"):
        RunTable.read_csv(path)
    path.write_text("")
    with pytest.raises(LawError, match="not a CSV"):
        RunTable.read_csv(path)
    with pytest.raises(LawError, match="no such file"):
        RunTable.read_csv(tmp_path / "absent.csv")

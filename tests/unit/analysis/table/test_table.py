"""RunTable: what is read, what is excluded, and every way a table can be refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.records import LawError
from analysis.table.table import MAX_ROWS, RunTable
from tests.unit.analysis.table.frames import frame


def test_budgets_come_from_their_column_where_there_is_one() -> None:
    data = frame()
    data["budget"] = data["flops"]
    data["flops"] *= np.random.default_rng(0).uniform(0.99, 1.01, len(data))
    table = RunTable.from_frame(data)
    assert table.budgets.tolist() == [1e18, 3e18, 1e19]
    assert np.bincount(table.budget).tolist() == [5, 5, 5]


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
    assert [(row.run, row.reason) for row in table.excluded] == [
        ("r3", "state is failed"),
        ("r7", "the loss is not a finite number"),
    ]


def test_rows_entered_twice_count_once_but_seeds_count_each() -> None:
    data = pd.concat([frame(), frame().iloc[:2]])
    table = RunTable.from_frame(data)
    assert len(table) == 15
    assert [row.reason for row in table.excluded] == ["repeats another row"] * 2
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
        (lambda d: d.drop(columns="loss"), "no column loss. The table has: flops, params, tokens. Name .* --loss-key"),
        (lambda d: d.rename(columns={"params": "Parameters"}), "no column params .nearest: Parameters"),
        (lambda d: d.rename(columns={"loss": "val_loss"}), "nearest: val_loss"),
        (lambda d: d.iloc[:0], "no rows"),
        (lambda d: d.assign(params=-d.params), "column params: not a positive number in rows 1, 2, 3, 4 and 11 more"),
        (
            lambda d: d.assign(flops=d.flops.where(d.index != 4)),
            "column flops: not a positive number in row 5, such as nan",
        ),
        (lambda d: d.assign(tokens=d.tokens.where(d.index != 4, np.inf)), "row 5, such as inf"),
        (lambda d: d.assign(loss=d.loss.where(d.index != 4, 0.0)), "column loss: not a positive number in row 5"),
        (lambda d: d.assign(params="many"), "column params: not a number in rows .* such as 'many'"),
        (lambda d: d.assign(loss="diverged"), "column loss: not a number"),
        (lambda d: d.assign(params=[f"{n:,.0f}" for n in d.params]), "without thousands separators"),
        (lambda d: d.assign(loss=[f"{x:.3f}".replace(".", ",") for x in d.loss]), "with a decimal point"),
        (lambda d: d.assign(params=[f"{n / 1e6:.0f}M" for n in d.params]), "in full, such as 1.5e9"),
        (lambda d: d.assign(loss=True), "holds bool values"),
        (lambda d: d.assign(loss=3.0), "all losses are equal"),
        (lambda d: d.assign(loss=np.nan), "none of the 15 rows"),
        (lambda d: d.assign(state="failed"), "none of the 15 rows .*state is failed"),
        (lambda d: pd.concat([d] * (MAX_ROWS // 15 + 1)), "training curves"),
        (lambda d: pd.concat([d, d[["loss"]]], axis=1), "more than one column is called loss"),
        (lambda d: d.assign(budget=1e3), "column budget: rows 1, 2, 3, 4 and 11 more cost over 2 times"),
        (lambda d: d.assign(params=d.params.where(d.index != 4, 1e13)), "C / .N D. is .* in row 5 and 6 at the median"),
    ],
)
def test_a_bad_table_is_refused_with_the_reason(change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LawError, match=message):
        RunTable.from_frame(change(frame()))


def test_a_million_rows_are_refused_before_any_work() -> None:
    runs = frame()
    many = pd.DataFrame({name: np.resize(runs[name], 1_000_000) for name in ("flops", "params", "tokens", "loss")})
    with pytest.raises(LawError, match="1,000,000 runs"):
        RunTable.from_frame(many)


def test_sizes_and_cells_are_labelled_for_the_noise_that_they_share() -> None:
    data = frame()
    table = RunTable.from_frame(data)
    assert len(set(table.size.tolist())) == 5, "one ladder for all budgets"
    assert sorted(np.bincount(table.repeat).tolist()) == [1] * 15
    named = RunTable.from_frame(data.assign(size_id=np.arange(15)))
    assert len(set(named.size.tolist())) == 15
    half = RunTable.from_frame(data.assign(size_id=[1.0] * 14 + [np.nan]))
    assert len(set(half.size.tolist())) == 5, "a column with gaps is not used"
    seeds = pd.concat([data.assign(seed=0), data.assign(seed=1, loss=data.loss + 0.01)])
    assert np.bincount(RunTable.from_frame(seeds).repeat).tolist() == [2] * 15


def test_a_budget_column_is_read_where_it_holds_budgets() -> None:
    data = frame()
    assert RunTable.from_frame(data.assign(budget=data.flops / 1.9)).budgets == pytest.approx(
        np.array([1e18, 3e18, 1e19]) / 1.9
    )
    with pytest.raises(LawError, match="cost over 2 times more or less than the budget"):
        RunTable.from_frame(data.assign(budget=data.flops / 2.1))
    for other in (np.nan, "small", -1.0):
        found = RunTable.from_frame(data.assign(budget=other))
        assert found.budgets == pytest.approx([1e18, 3e18, 1e19])


def test_a_part_of_a_table_counts_its_labels_anew() -> None:
    table = RunTable.from_frame(frame().assign(run=[f"r{i}" for i in range(15)], trunk=["t"] * 5 + [None] * 10))
    part = table.select(table.budget >= 1)
    assert part.budgets.tolist() == table.budgets[1:].tolist() and part.budget.tolist() == [0] * 5 + [1] * 5
    assert part.names == tuple(f"r{i}" for i in range(5, 15))
    assert sorted(set(part.repeat.tolist())) == list(range(10)) and len(set(part.trunk.tolist())) == 10
    assert len(part) == 10 and part.loss.tolist() == table.loss[5:].tolist()
    assert (part.convention, part.loss_unit, part.warnings) == (table.convention, table.loss_unit, table.warnings)


def test_the_digest_sees_what_is_shared_and_how_it_was_counted() -> None:
    data = frame()
    digests = {
        RunTable.from_frame(changed, **options).digest  # type: ignore[arg-type]
        for changed, options in (
            (data, {}),
            (data, {"convention": "other"}),
            (data, {"loss_unit": "bits/byte"}),
            (data.assign(trunk="t"), {}),
            (data.assign(size_id=1), {}),
            (data.drop(columns="tokens"), {}),
        )
    }
    assert len(digests) == 6
    assert hash(RunTable.from_frame(data)) == hash(RunTable.from_frame(data)) and RunTable.from_frame(data) != data


@pytest.mark.parametrize(
    ("role", "reason"), [("check", "it checks the recipe"), ("validation", "it validates a forecast")]
)
def test_runs_outside_the_grid_are_left_out(role: str, reason: str) -> None:
    table = RunTable.from_frame(frame().assign(role=["grid"] * 14 + [role]))
    assert len(table) == 14 and [row.reason for row in table.excluded] == [reason]


@pytest.mark.parametrize(("factor", "kept"), [(99.0, 15), (101.0, 14), (1 / 99, 15), (1 / 101, 14)])
def test_a_loss_a_hundred_times_off_is_left_out(factor: float, kept: int) -> None:
    data = frame()
    data["loss"] = 3.0 + np.arange(15) * 1e-3
    data.loc[3, "loss"] = float(data.loss.median()) * factor
    assert len(RunTable.from_frame(data)) == kept

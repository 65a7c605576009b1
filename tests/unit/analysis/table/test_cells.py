"""Cells: seeds are repeats, tuned settings are not, experiments are kept apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.law import fit
from analysis.records import LawError
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import sweep


def runs(seed: int = 0) -> pd.DataFrame:
    return sweep(seed=seed).drop(columns="seed")


def stacked(column: str, values: dict[object, float], **more: object) -> pd.DataFrame:
    """The grid once for each value of a column, losses moved by an amount."""
    parts = [runs(at).assign(**{column: value, **more}) for at, value in enumerate(values)]
    return pd.concat([part.assign(loss=part.loss + by) for part, by in zip(parts, values.values(), strict=True)])


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("lr", {3e-4: 0.1, 1e-3: 0.0, 3e-3: 0.05}),
        ("learning_rate", {"1e-3": 0.1, "3e-3": 0.0}),
        ("batch_size", {64: 0.0, 128: 0.1, 256: 0.2}),
        ("warmup", {"short": 0.2, "long": 0.0}),
        ("adam_beta2", {0.95: 0.0, 0.99: 0.03}),
        ("weight_decay", {0.0: 0.05, 0.1: 0.0}),
        ("quux", {1: 0.0, 2: 0.03}),
        ("z_loss", {0.0: 0.02, 1e-4: 0.0}),
        ("label_smoothing", {0.0: 0.02, 0.1: 0.0}),
        ("hparam_id", {1: 0.02, 2: 0.0}),
    ],
)
def test_the_best_setting_of_each_cell_is_fitted(column: str, values: dict[object, float]) -> None:
    table = RunTable.from_frame(stacked(column, values))
    assert len(table) == 35 and sorted(np.bincount(table.repeat).tolist()) == [1] * 35
    best = min(values, key=lambda value: values[value])
    assert table.loss == pytest.approx(runs(list(values).index(best)).loss.to_numpy())
    assert len(table.excluded) == 35 * (len(values) - 1)
    assert {row.reason for row in table.excluded} == {f"another {column} does better at its C and N"}
    assert any(f"Column {column} differs between runs of equal C and N: tuned" in note for note in table.warnings)
    assert fit(table, holdout=False).noise.seed_sigma is None, "settings are not seeds"


def test_the_best_setting_may_differ_from_cell_to_cell() -> None:
    data = stacked("lr", {1e-3: 0.0, 3e-3: 0.05})
    large = (data.params > 2e8).to_numpy()
    data.loc[large & (data.lr == 3e-3).to_numpy(), "loss"] -= 0.2
    table = RunTable.from_frame(data)
    assert len(table) == 35
    truth = np.minimum(data.loss.to_numpy()[:35], data.loss.to_numpy()[35:])
    assert table.loss[np.lexsort((table.params, table.flops))] == pytest.approx(truth)


def test_seeds_of_the_best_setting_all_stay() -> None:
    data = pd.concat(
        [
            runs(seed).assign(lr=rate, seed=seed % 2, loss=lambda d, by=by: d.loss + by)
            for seed, (rate, by) in enumerate([(1e-3, 0.0), (1e-3, 0.0), (3e-3, 0.1), (3e-3, 0.1)])
        ]
    )
    table = RunTable.from_frame(data)
    assert len(table) == 70 and np.bincount(table.repeat).tolist() == [2] * 35
    assert fit(table, holdout=False).noise.seed_degrees_of_freedom == 35


def test_two_tuned_columns_are_named_together() -> None:
    parts = [
        runs(2 * i + j).assign(lr=lr, wd=wd, loss=lambda d, by=0.02 * (i + j): d.loss + by)
        for i, lr in enumerate((1e-3, 2e-3))
        for j, wd in enumerate((0.0, 0.1))
    ]
    table = RunTable.from_frame(pd.concat(parts))
    assert len(table) == 35
    assert any("Columns lr and wd differ between" in note for note in table.warnings)


@pytest.mark.parametrize(
    "labels",
    [
        {"seed": [0, 1, 2]},
        {"run": ["a", "b", "c"]},
        {"name": ["x", "y", "z"], "url": ["u", "v", "w"]},
        {"started_at": ["2024-01-01", "2024-01-02", "2024-01-03"]},
        {"hostname": ["n1", "n2", "n3"]},
        {"replicate": [1, 2, 3]},
        {"data_order": [1, 2, 3]},
        {"seed": [0, 1, 2], "quux": [5, 6, 7]},
        {"init_seed": [0, 1, 2], "quux": [5, 6, 7]},
        {"seed": [0, 1, 2], "label": ["main", "extra", "extra"]},
    ],
)
def test_what_tells_runs_apart_by_name_leaves_them_repeats(labels: dict[str, list[object]]) -> None:
    parts = [runs(at).assign(**{name: values[at] for name, values in labels.items()}) for at in range(3)]
    table = RunTable.from_frame(pd.concat([part.assign(run_time=np.arange(35) + 0.1) for part in parts]))
    assert np.bincount(table.repeat).tolist() == [3] * 35
    assert not table.warnings and not table.excluded


def test_what_came_out_of_runs_is_no_setting() -> None:
    generator = np.random.default_rng(0)
    data = pd.concat(
        [
            runs(at).assign(
                train_loss=generator.random(35),
                glee=generator.random(35).round(2),
                accuracy=generator.random(35).round(1),
            )
            for at in range(2)
        ]
    )
    table = RunTable.from_frame(data)
    assert len(table) == 70 and not table.warnings


def test_names_that_come_back_are_no_experiments_where_they_are_many() -> None:
    data = pd.concat([runs(at).assign(flavour=[f"batch {i % 14}" for i in range(at, 35 + at)]) for at in range(3)])
    assert len(RunTable.from_frame(data)) == 105
    with pytest.raises(LawError, match="column flavour holds several experiments"):
        RunTable.from_frame(data.assign(flavour="x" + data.flavour.str[-1]))


def test_a_logged_rate_that_differs_in_its_last_digits_is_one() -> None:
    table = RunTable.from_frame(stacked("lr", {1e-3: 0.0, 1.00001e-3: 0.0}))
    assert len(table) == 70 and not table.excluded


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("dataset", {"c4": 0.0, "web": 0.3}),
        ("optimizer", {"adam": 0.0, "muon": -0.1}),
        ("tokenizer", {1: 0.0, 2: 0.2}),
        ("flavour", {"sweet": 0.0, "sour": 0.1}),
    ],
)
def test_several_experiments_are_named_and_one_is_fitted_by_name(column: str, values: dict[object, float]) -> None:
    data = stacked(column, values)
    first = next(iter(values))
    with pytest.raises(LawError, match=f"column {column} holds several experiments at the same budgets: {first}") as e:
        RunTable.from_frame(data)
    assert f"--where {column}={first}" in str(e.value) and f"compare --axis {column}" in str(e.value)
    alone = RunTable.from_frame(data, where={column: str(first)})
    assert alone == RunTable.from_frame(runs(0))


def test_the_option_that_chooses_can_be_pasted_into_a_shell() -> None:
    with pytest.raises(LawError) as caught:
        RunTable.from_frame(stacked("data mix", {"c4; rm x": 0.0, "web $HOME": 0.3}))
    assert "--where 'data mix=c4; rm x'," in str(caught.value) and "compare --axis 'data mix'." in str(caught.value)
    (note,) = RunTable.from_frame(stacked("peak lr", {"1e-3 warm": 0.0, "3e-3 warm": 0.1})).warnings
    assert "--where 'peak lr=1e-3 warm' fits" in note


def test_remarks_on_some_runs_make_no_experiments_but_missing_data_sets_are_named() -> None:
    remarked = pd.concat([runs(0).assign(remark=None), runs(1).assign(remark="again after a crash")])
    assert len(RunTable.from_frame(remarked)) == 70
    unknown = pd.concat([runs(0).assign(dataset=None), runs(1).assign(dataset="c4")])
    with pytest.raises(LawError, match=r"none \(35 runs\) and c4 \(35 runs\).*--where dataset=c4,"):
        RunTable.from_frame(unknown)


def test_experiments_at_other_sizes_of_the_same_budgets_are_found() -> None:
    other = runs(1).assign(params=lambda d: d.params * 1.3, tokens=lambda d: d.tokens / 1.3, corpus="web")
    with pytest.raises(
        LawError, match=r"column corpus holds several experiments.*web \(35 runs\) and c4 \(35 runs\)|c4"
    ):
        RunTable.from_frame(pd.concat([runs(0).assign(corpus="c4"), other]))


def test_experiments_at_other_budgets_are_noted() -> None:
    data = runs(0)
    data["corpus"] = np.where(data.flops < 5e18, "c4", "web")
    (note,) = RunTable.from_frame(data).warnings
    assert note == (
        "Column corpus has several values: web (21 runs) and c4 (14 runs). They are fitted as one experiment; "
        "--where corpus=web fits one alone."
    )


def test_a_setting_that_follows_the_size_is_neither_tuned_nor_an_experiment() -> None:
    data = runs(0)
    large = data.params > data.groupby("flops")["params"].transform("median")
    named = data.assign(batch=np.where(large, 256, 128), family=np.where(large, "large", "small"), loss=data.loss)
    table = RunTable.from_frame(named)
    assert len(table) == 35 and not table.excluded
    assert [note for note in table.warnings if "batch" in note] == []
    assert [note.split(":")[0] for note in table.warnings] == ["Column family has several values"]


def test_experiments_that_no_column_names_are_noted_and_seeds_are_not() -> None:
    unnamed = pd.concat([runs(0), runs(1).assign(loss=lambda d: d.loss + 0.2)])
    (note,) = RunTable.from_frame(unnamed).warnings
    assert "differ by 0.2 in loss" in note and "are these two experiments?" in note
    assert not RunTable.from_frame(pd.concat([runs(0), runs(1)])).warnings
    assert RunTable.from_frame(unnamed.assign(run=["adam"] * 35 + ["muon"] * 35)).warnings == (note,)
    scattered = runs(0).assign(loss=lambda d: d.loss + 0.1 + np.random.default_rng(0).normal(0, 0.05, 35))
    assert not RunTable.from_frame(pd.concat([runs(0), scattered])).warnings, "not nearly the same in every cell"
    small = pd.concat([runs(0), runs(0).assign(loss=lambda d: d.loss * 1.0005)])
    assert not RunTable.from_frame(small).warnings, "too little to matter"

"""Spikes: a loss that no curve explains is set aside by name, wherever it is; clean runs all stay."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.answers.serial import fit_json
from analysis.fitting import spikes
from analysis.fitting.spikes import set_aside_spikes
from analysis.law import Law, fit
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import asymmetric, hoffmann, skaling, skewed, sweep

SIZES = 7
PUBLISHED = Path(os.environ.get("ISOFLOP_PUBLISHED_DATA", Path(__file__).resolve().parents[4] / "../shared/data"))


def spiked(at: dict[int, float], **options: object) -> pd.DataFrame:
    """A sweep of five budgets and seven sizes with some losses moved, by row."""
    data = sweep(seed=4, **options)  # type: ignore[arg-type]
    for row, by in at.items():
        data.loc[row, "loss"] += by
    return data.assign(run=[f"r{index}" for index in range(len(data))]).drop(columns="seed")


def names_of(data: pd.DataFrame) -> list[str]:
    return [row.run for row in set_aside_spikes(RunTable.from_frame(data)).excluded]


@pytest.mark.parametrize("row", [0, 3, 6, 14, 17, 20, 28, 31, 34])
@pytest.mark.parametrize("by", [7.3, 0.4, -0.4, -1.2])
def test_a_spike_is_set_aside_at_every_place_of_a_curve_and_in_every_budget(row: int, by: float) -> None:
    assert names_of(spiked({row: by})) == [f"r{row}"]


@pytest.mark.parametrize("rows", [(3, 31), (16, 17), (0, 34), (0, 1), (33, 34), (3, 10)])
@pytest.mark.parametrize("by", [(7.0, 7.0), (5.0, -1.0), (-0.8, -0.8)])
def test_two_spikes_do_not_hide_each_other(rows: tuple[int, int], by: tuple[float, float]) -> None:
    assert names_of(spiked(dict(zip(rows, by, strict=True)))) == [f"r{row}" for row in rows]


@pytest.mark.parametrize("row", [0, 2, 12, 24])
def test_a_spike_is_found_where_curves_have_five_sizes(row: int) -> None:
    assert names_of(spiked({row: 3.0}, sizes=5)) == [f"r{row}"]


def test_the_law_is_that_of_the_table_without_the_row_and_says_so() -> None:
    data = spiked({17: 7.0})
    found, without = fit(RunTable.from_frame(data)), fit(RunTable.from_frame(data.drop(17)))
    assert found.law_id == without.law_id
    assert found.predict(1e21).params_interval == without.predict(1e21).params_interval
    loss = data.loc[17, "loss"]
    (row,) = fit_json(found)["excluded"]
    assert (row["run"], row["flops"], row["loss"]) == ("r17", 1e19, pytest.approx(loss))
    assert row["reason"] == f"its loss of {loss:.4g} is 7.01 above the curves of the other runs"
    assert any("1 row was left out: r17 (its loss of" in warning for warning in found.warnings)


@cache
def clean_law() -> Law:
    """The law of the sweep without a spike."""
    return fit(RunTable.from_frame(spiked({})), holdout=False)


@pytest.mark.parametrize("row", [0, 10, 17, 31, 34])
@pytest.mark.parametrize("by", [7.0, 0.2, -0.2, -0.9])
def test_other_answers_move_by_less_than_their_error(row: int, by: float) -> None:
    clean = clean_law()
    found = fit(RunTable.from_frame(spiked({row: by})), holdout=False)
    for flops in (1e18, 1e19, 1e20, 1e21):
        before, after = clean.predict(flops), found.predict(flops)
        assert after.params in before.params_interval and after.loss in before.loss_interval
        assert _width(found, flops) < 1.5 * _width(clean, flops)


def _width(law: Law, flops: float) -> float:
    interval = law.predict(flops).params_interval
    return float(np.log(interval.high / interval.low))


def test_a_spike_below_is_called_below() -> None:
    (row,) = set_aside_spikes(RunTable.from_frame(spiked({8: -1.0}))).excluded
    assert " below the curves of the other runs" in row.reason


@pytest.mark.parametrize("truth", [hoffmann, asymmetric, skewed, skaling])
@pytest.mark.parametrize(("span", "noise", "sizes"), [(2, 0.0, 5), (4, 0.01, 9), (16, 0.003, 7), (16, 0.0, 5)])
def test_clean_runs_all_stay(truth, span: float, noise: float, sizes: int) -> None:  # type: ignore[no-untyped-def]
    for seed in range(3):
        data = sweep(truth, sizes=sizes, span=span, noise=noise, off_centre=2.0, seed=seed, repeats=3)
        table = RunTable.from_frame(data)
        assert set_aside_spikes(table) is table


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published data is not at hand")
def test_published_runs_all_stay() -> None:
    files = sorted(PUBLISHED.glob("*.csv"))
    assert len(files) >= 10
    kept = {path.stem: set_aside_spikes(RunTable.read_csv(path)) for path in files}
    assert {stem: len(table) for stem, table in kept.items()} == {
        path.stem: len(RunTable.read_csv(path)) for path in files
    }


@pytest.mark.parametrize(
    ("span", "sizes", "height", "ratio"),
    [(8.0, 9, 1.0, 1.0), (8.0, 11, 4.0, 2.0), (16.0, 9, 2.0, 0.3), (16.0, 11, 4.0, 1.0), (32.0, 13, 2.0, 0.3)],
)
def test_a_wall_far_from_the_valley_stays(span: float, sizes: int, height: float, ratio: float) -> None:
    """Runs of few tokens a parameter lie off any smooth surface, in all budgets alike."""
    data = sweep(seed=1, span=span, sizes=sizes, noise=0.002).drop(columns="seed")
    beyond = np.maximum(np.log(ratio * data["params"] / data["tokens"]), 0)
    data["loss"] += height * np.tanh(2 * beyond)
    assert (beyond > 0).sum() >= 5 and names_of(data) == []
    alone = data.assign(loss=data["loss"] + 5.0 * (data.index == sizes * 2 + 2))
    assert names_of(alone) == [f"row {sizes * 2 + 3}"], "a spike beside the wall is found"


@pytest.mark.parametrize(
    ("off", "company"),
    [
        ({39: 5.0, 41: 4.0, 42: 3.0}, 3.0),  # beside it in its own budget, the last
        ({31: 5.0, 39: 4.0, 30: 3.0, 32: 2.0}, 3.0),  # of the budget before
        ({39: 5.0, 41: 4.0}, 0.0),  # two are no company
        ({36: 5.0, 44: 4.0, 43: 3.0}, 0.0),  # far along its budget
        ({3: 5.0, 13: 4.0, 22: 3.0}, 3.0),  # at the same place of three other curves
        ({3: 5.0, 13: 4.0}, 0.0),
    ],
)
def test_the_company_of_a_run_is_near_it_or_at_its_place_of_other_curves(off: dict[int, float], company: float) -> None:
    """Row 40 is the middle of the last of five budgets of nine sizes."""
    offsets = np.zeros(45)
    offsets[list(off)] = list(off.values())
    offsets[40] = 9.0
    table = RunTable.from_frame(sweep(sizes=9, noise=0.0).drop(columns="seed"))
    assert spikes._company(table, offsets)[40] == company


def test_what_is_smaller_than_a_share_of_the_curve_stays() -> None:
    depth = float(np.ptp(spiked({})["loss"][14:21]))
    assert names_of(spiked({17: 0.4 * depth}, noise=0.0003)) == []
    assert names_of(spiked({17: 0.8 * depth}, noise=0.0003)) == ["r17"]


def test_noise_that_is_large_hides_what_is_not_large_against_it() -> None:
    assert names_of(spiked({17: 0.25}, noise=0.05)) == []
    assert names_of(spiked({17: 1.5}, noise=0.05)) == ["r17"]


def test_where_a_fifth_of_the_runs_is_off_nothing_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {0: 3.0, 9: -2.0, 18: 4.0, 27: 5.0}
    assert names_of(spiked(rows)) == [f"r{row}" for row in rows]
    monkeypatch.setattr(spikes, "MOST", 3 / 35)
    assert names_of(spiked(rows)) == []


def test_a_table_of_few_runs_is_left_as_it_is() -> None:
    table = RunTable.from_frame(spiked({2: 5.0}).iloc[:5])
    assert set_aside_spikes(table) is table


def test_training_curves_lose_the_run_that_is_set_aside() -> None:
    data = spiked({17: 7.0})
    early = data.assign(flops=data.flops / 3, tokens=data.tokens / 3, loss=data.loss + 0.4)
    table = set_aside_spikes(RunTable.from_frame(pd.concat([early, data])))
    assert table.curves is not None and "r17" not in table.curves.names and len(table.curves.names) == 34
    assert len(table.curves.loss) == 68 and table.curves.params[table.curves.run[-1]] == data.params[34]

"""Training curves: the last points are the finished runs, schedules and horizons are read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.records import LawError
from analysis.table.table import RunTable
from analysis.table.training_curves import are_curves, name_models, split_curves
from tests.unit.analysis.table.frames import frame


def test_the_last_points_of_training_curves_are_the_finished_runs() -> None:
    data = frame()
    points = []
    for share in (0.25, 0.5, 1.0):
        part = data.assign(run=[f"r{i}" for i in range(15)], schedule="cosine", flops=data.flops * share)
        points.append(part.assign(tokens=part.tokens * share, loss=part.loss + 1 - share))
    table = RunTable.from_frame(pd.concat(points).sample(frac=1, random_state=0))
    assert sorted(table.loss) == pytest.approx(sorted(data.loss))
    assert np.allclose(table.budgets, [1e18, 3e18, 1e19])
    assert table.curves is not None and len(table.curves.loss) == 45
    assert table.select(table.budget == 0).curves is None
    assert table.digest != RunTable.from_frame(data.assign(run=[f"r{i}" for i in range(15)])).digest


NAMES = {"flops": "flops", "params": "params", "tokens": "tokens", "loss": "loss"}


def points(**columns: object) -> pd.DataFrame:
    """Two runs of three points each, the second's rows before the first's and out of order."""
    data = pd.DataFrame(
        {
            "run": ["b", "b", "a", "a", "b", "a"],
            "flops": [3e18, 1e18, 2e18, 1e18, 2e18, 3e18],
            "params": [2e8, 2e8, 1e8, 1e8, 2e8, 1e8],
            "tokens": [2.5e9, 0.8e9, 3e9, 1.6e9, 1.6e9, 5e9],
            "loss": [3.0, 3.4, 3.1, 3.3, 3.2, 2.9],
        }
    )
    return data.assign(**columns)


def test_points_are_ascending_within_a_run_and_the_last_is_the_finished_run() -> None:
    last, curves = split_curves(points(), NAMES)
    assert last["loss"].tolist() == [3.0, 2.9] and last.index.tolist() == [0, 5]
    assert curves.names == ("b", "a") and curves.params.tolist() == [2e8, 1e8]
    assert curves.run.tolist() == [0, 0, 0, 1, 1, 1]
    assert curves.loss.tolist() == [3.4, 3.2, 3.0, 3.3, 3.1, 2.9]
    assert curves.tokens.tolist() == [0.8e9, 1.6e9, 2.5e9, 1.6e9, 3e9, 5e9]
    assert curves.schedules == ("", "") and np.isnan(curves.horizons).all()


def test_points_without_a_loss_are_left_out_of_the_curves() -> None:
    _, curves = split_curves(points(loss=[3.0, np.nan, 3.1, "x", 3.2, 0.0]), NAMES)
    assert curves.loss.tolist() == [3.2, 3.0, 3.1]
    assert curves.run.tolist() == [0, 0, 1]


def test_schedules_and_horizons_belong_to_runs() -> None:
    data = points(schedule=[" Cosine", None, "wsd", "wsd", "cosine ", "WSD"], horizon=[3e9, 3e9, 5e9, 5e9, 3e9, 5e9])
    data.loc[1, "schedule"] = "cosine"
    _, curves = split_curves(data, NAMES)
    assert curves.schedules == ("cosine", "wsd") and curves.horizons.tolist() == [3e9, 5e9]
    with pytest.raises(LawError, match="run b has more than one schedule"):
        split_curves(points(schedule=["wsd", "cosine", "wsd", "wsd", "wsd", "wsd"]), NAMES)


def test_without_tokens_six_n_is_their_cost() -> None:
    _, curves = split_curves(points().drop(columns="tokens"), NAMES)
    assert curves.tokens == pytest.approx(curves.flops / 6 / curves.params[curves.run])


def test_rows_are_curves_where_a_run_has_several_points_of_one_size() -> None:
    assert are_curves(points(), NAMES)
    assert not are_curves(points().drop(columns="run"), NAMES)
    assert not are_curves(points(run=list("abcdef")), NAMES)
    assert not are_curves(points(run=["b", None, "a", "a", "b", "a"]), NAMES)
    assert not are_curves(points(flops=1e18), NAMES), "several seeds, not several points"
    assert not are_curves(points(params=[1e8, 2e8, 3e8, 4e8, 5e8, 6e8]), NAMES)


def test_the_digest_sees_points_and_schedules() -> None:
    digests = {
        split_curves(data, NAMES)[1].digest
        for data in (points(), points(schedule="wsd"), points(loss=points().loss + 1e-9), points(horizon=5e9))
    }
    assert len(digests) == 4
    assert split_curves(points(), NAMES)[1].digest in digests


def ladder(windows: list[range], flops: tuple[float, ...] = (1e18, 3e18, 1e19, 3e19)) -> pd.DataFrame:
    """Models of one ladder, named d0, d1, …, at several budgets: those of a window of sizes at each."""
    rows = [
        {"run": f"d{size}", "flops": c, "params": 3e7 * 1.2**size, "loss": 3 + 0.01 * size + 1e17 / c}
        for c, window in zip(flops, windows, strict=True)
        for size in window
    ]
    return pd.DataFrame(rows).assign(tokens=lambda d: d.flops / 6 / d.params)


@pytest.mark.parametrize(
    "windows",
    [
        [range(8)] * 4,
        [range(at, at + 6) for at in range(4)],
        [range(5 * at, 5 * at + 9) for at in range(4)],
    ],
)
def test_a_run_that_is_a_models_name_makes_a_grid(windows: list[range]) -> None:
    data = ladder(windows)
    assert name_models(data, NAMES)
    table = RunTable.from_frame(data)
    assert len(table) == len(data) and len(table.budgets) == 4 and table.curves is None
    assert any("column run names models, not runs" in note for note in table.warnings)
    assert table.names[0] == "row 1"


def test_two_models_of_one_size_make_a_grid_as_well() -> None:
    data = pd.concat([ladder([range(8)] * 4), ladder([range(8)] * 4).assign(run=lambda d: d.run + "-deep")])
    assert name_models(data, NAMES)


def test_training_curves_are_not_taken_for_models() -> None:
    data = ladder([range(8)] * 4)
    assert not name_models(data.assign(schedule="wsd"), NAMES)
    assert not name_models(data.assign(horizon=1e10), NAMES)
    assert not name_models(data.assign(run=[f"r{i}" for i in range(32)]), NAMES), "a name each"
    steps = data.assign(flops=data.params * data.flops / 3e7)
    assert not name_models(steps, NAMES), "points at equal tokens are no budgets"
    assert not name_models(ladder([range(3)] * 4), NAMES), "three sizes are no curve"
    assert not name_models(ladder([range(8)] * 2, (1e18, 3e18)), NAMES), "two budgets are no law"
    assert not name_models(data.assign(flops=data.flops.where(data.index != 2, np.nan)), NAMES)
    points = pd.concat(
        [frame().assign(run=[f"r{i}" for i in range(15)], flops=frame().flops * share) for share in (0.3, 1)]
    )
    assert not name_models(points, NAMES), "the last points are a grid of their own"


def test_curves_without_a_run_count_the_others_anew() -> None:
    _, curves = split_curves(points(schedule=["wsd", "wsd", "cosine", "cosine", "wsd", "cosine"], horizon=5e9), NAMES)
    alone = curves.without({"b"})
    assert alone.names == ("a",) and alone.run.tolist() == [0, 0, 0] and alone.params.tolist() == [1e8]
    assert (
        alone.loss.tolist() == [3.3, 3.1, 2.9] and alone.schedules == ("cosine",) and alone.horizons.tolist() == [5e9]
    )
    assert curves.without({"c"}).digest == curves.digest

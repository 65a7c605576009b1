"""All mistakes of a table are said at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.records import LawError
from analysis.table.table import RunTable
from tests.unit.analysis.table.frames import frame


def lines_of(data: pd.DataFrame, **names: str) -> list[str]:
    with pytest.raises(LawError) as caught:
        RunTable.from_frame(data, **names)  # type: ignore[arg-type]
    return str(caught.value).splitlines()


def test_cells_of_every_column_are_checked_in_one_round() -> None:
    data = frame().astype(object)
    data.loc[2, "params"], data.loc[4, "tokens"], data.loc[6, "loss"], data.loc[8, "flops"] = "many", -1.0, "bad", 0.0
    lines = lines_of(data)
    assert [line.split(":")[0] for line in lines] == [f"column {key}" for key in ("flops", "params", "tokens", "loss")]
    assert ["row 9" in lines[0], "row 3" in lines[1], "row 5" in lines[2], "row 7" in lines[3]] == [True] * 4


def test_names_cells_and_units_are_one_round_under_the_names_that_may_be_meant() -> None:
    data = frame().rename(columns={"flops": "C", "loss": "val_loss"}).astype({"val_loss": object})
    data["C"] /= 1e9
    data.loc[3, "val_loss"] = "x"
    first, second, third = lines_of(data)
    assert first.startswith("no column flops (nearest: C); no column loss (nearest: val_loss)")
    assert first.endswith("Name the columns with --flops-key C, --loss-key val_loss, or rename them.")
    assert second.startswith("column val_loss: not a number in row 4")
    assert "C is in GFLOPs" in third


def test_who_corrects_what_was_said_is_done_in_one_round() -> None:
    data = frame().rename(columns={"params": "N"}).astype({"loss": object})
    data["N"] /= 1e6
    data.loc[0, "loss"] = "diverged"
    assert len(lines_of(data)) == 3
    data["N"] *= 1e6
    assert len(RunTable.from_frame(data.iloc[1:], params="N")) == 14


def test_a_budget_column_and_a_mistyped_row_are_found_with_bad_cells() -> None:
    data = frame().astype({"loss": object})
    data.loc[1, "loss"] = "?"
    first, second = lines_of(data.assign(budget=1.0))
    assert first.startswith("column loss: not a number in row 2") and second.startswith("column budget: ")
    data.loc[5, "tokens"] *= 50
    _, odd = lines_of(data)
    assert "in row 6" in odd and "one of flops, params and tokens is wrong there" in odd


def test_one_mistake_is_one_line_and_is_not_repeated() -> None:
    assert len(lines_of(frame().drop(columns="loss"))) == 1
    assert len(lines_of(frame().assign(params=-1.0))) == 1
    assert len(lines_of(frame().assign(loss=3.0))) == 1
    assert lines_of(frame().assign(state="failed")) == [
        "none of the 15 rows is a finished run with a loss (state is failed)"
    ]


def test_rows_that_are_left_out_make_no_mistakes() -> None:
    data = frame().assign(state=["done"] * 14 + ["failed"]).astype({"params": object})
    data.loc[14, "params"] = "none yet"
    data.loc[3, "loss"] = np.nan
    table = RunTable.from_frame(data)
    assert len(table) == 13 and len(table.excluded) == 2
    data.loc[2, "tokens"] = -5.0
    assert len(lines_of(data)) == 1


def test_experiments_come_with_what_else_is_wrong() -> None:
    data = pd.concat([frame().assign(dataset="a"), frame().assign(dataset="b", loss=frame().loss + 0.1)])
    (line,) = lines_of(data)
    assert line.startswith("column dataset holds several experiments")

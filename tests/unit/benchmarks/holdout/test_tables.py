"""Tables of made rows: every count and share is in its place."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.holdout import tables
from benchmarks.holdout.rows import to_frame
from benchmarks.holdout.scores import scored
from tests.unit.benchmarks.holdout.made import rows

NAN = float("nan")


def cells(table: str) -> dict[str, list[str]]:
    """The cells of each line by its first."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {line[0]: line[1:] for line in lines}


def of_two_sets():  # type: ignore[no-untyped-def]
    """Two forecasts of N* in one set, one of them covered, and one that was refused in another; losses alike."""
    sizes = rows(
        data=["a", "a", "b"], flops=[3e19, 9e19, 3e19], truth=[20.1, 20.5, 20.1], estimate=[20.0, 20.0, NAN],
        factor=[3.0, 9.0, 3.0], budgets=[3, 5, 7], confidence=["high", "low", ""], own_holdout=[NAN, 0.5, 1.0],
    )  # fmt: skip
    losses = rows(
        quantity=["loss"] * 3, data=["a", "a", "b"], flops=[3e19, 9e19, 3e19], estimate=[3.0] * 3, low=[2.9] * 3,
        high=[3.1] * 3, truth=[3.05, 3.2, 3.0], budgets=[3, 5, 7], confidence=["high", "low", ""],
        factor=[3.0, 9.0, 3.0],
    )  # fmt: skip
    return scored(to_frame([*sizes, *losses]))


def test_a_table_is_markdown() -> None:
    assert tables.markdown(("a", "b"), [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_by_set() -> None:
    found = cells(tables.by_set(of_two_sets()))
    assert found["a"] == ["2", "0", "0.50", "0.50", "×1.28", "0.300", "0.50", "0.50", "±100.0", "125.0", "–"]
    assert found["b"] == ["1", "1", "–", "–", "–", "–", "1.00", "1.00", "±100.0", "0.0", "–"]
    assert found["**all**"][:2] == ["3", "1"]


def test_the_width_at_three_times_is_that_of_fits_to_five_budgets() -> None:
    wide = rows(kind=["width"] * 3, budgets=[4, 5, 6], low=[10.0, 19.9, 19.8], high=[30.0, 20.1, 20.2], truth=[NAN] * 3)
    frame = scored(to_frame([*wide, *rows(data=["one"])]))
    assert cells(tables.by_set(frame))["one"][-1] == f"×{np.exp(0.15):.2f}"


def test_by_group() -> None:
    found = cells(tables.by_group(of_two_sets()))
    assert {name: line[0] for name, line in found.items()} == {
        "from 3 budgets": "1",
        "from 5 or 6 budgets": "1",
        "from 7 and more budgets": "1",
        "from 5 budgets and more": "2",
        "up to ×3": "2",
        "×3 to ×10": "1",
        "high confidence": "1",
        "low confidence": "1",
        "own hold-out covered: half or less": "1",
        "own hold-out covered: all": "1",
    }
    assert "high confidence though own hold-out below 0.8" not in found
    bold = of_two_sets().assign(confidence="high")
    assert cells(tables.by_group(bold))["high confidence though own hold-out below 0.8"][:3] == ["1", "0", "0.00"]
    assert found["high confidence"][2] == "1.00"
    assert found["low confidence"][2] == "0.00"


def test_beside_a_baseline_twice_as_wide_and_twice_as_far_off() -> None:
    ours = rows(data=["llama3", "fresh"], truth=[20.1, 20.1], low=[19.75, 19.75], high=[20.25, 20.25])
    theirs = rows(
        method=["least losses"] * 2, data=["llama3", "fresh"], truth=[20.1, 20.1], estimate=[19.9, 20.2],
        low=[19.4, 19.7], high=[20.4, 20.7],
    )  # fmt: skip
    table = tables.beside_baselines(scored(to_frame([*ours, *theirs])))
    line = next(line for line in table.splitlines() if "least losses" in line)
    assert [cell.strip() for cell in line.split("|")[1:-1]] == [
        "N\\*", "least losses", "2", "1.00", "0.50", "0.50", "0.71", "1.00",
    ]  # fmt: skip


def test_against_itself_every_ratio_is_one_and_a_narrower_method_is_less() -> None:
    frame = of_two_sets()
    same = cells(tables.against(frame, frame))
    assert same["a"][:3] == ["2", "1.00", "1.00"]
    assert same["**all sets**"][:6] == ["2", "1.00", "1.00", "3", "1.00", "1.00"]
    assert same["**all sets, from 5 budgets and more**"][:3] == ["1", "1.00", "1.00"]
    wide = scored(to_frame(rows(truth=[20.1], low=[19.0], high=[21.0])))
    narrow = scored(to_frame(rows(truth=[20.1], low=[19.5], high=[20.5])))
    assert cells(tables.against(narrow, wide))["**new sets**"][1] == "0.50"


@pytest.mark.parametrize(("value", "shown"), [(0.456, "0.46"), (NAN, "–"), (float("inf"), "–")])
def test_what_is_not_known_is_a_dash(value: float, shown: str) -> None:
    assert tables.number(value) == shown

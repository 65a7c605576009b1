"""The verb `compare`: two tables, two sweeps, or the values of an axis."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.unit.analysis.law_tables import hoffmann, sweep
from tests.unit.orchestrator.cli.conftest import KEYS, Isoflop


@pytest.fixture(scope="module")
def better(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table whose runs are worth four times the compute of those of `table`."""
    path = tmp_path_factory.mktemp("csv") / "better.csv"
    data = sweep(truth=lambda n, d: hoffmann(2 * n, 2 * d), seed=2)
    data.rename(columns={"flops": "C", "params": "N", "tokens": "D", "loss": "val/loss"}).to_csv(path, index=False)
    return path


def test_two_tables_are_compared(isoflop: Isoflop, table: Path, better: Path) -> None:
    tables = ("compare", "--csv", table, "--csv", better, *KEYS)
    (made,) = isoflop(*tables, "--flops", "5e19", "-o", "json").json["comparisons"]
    assert made["verdict"]["flops"] == pytest.approx(5e19) and made["verdict"]["settled"] is True
    assert (made["baseline"], made["other"], made["unit"]) == ("mine", "better", "as in the data")
    low, high = made["at_largest"]["interval"]
    assert low < 4 < high < 5
    shown = isoflop(*tables).stdout
    assert "better against mine: how much more compute mine needs" in shown and ": better is better" in shown
    assert shown.splitlines()[-1].startswith("Verdict at 10²⁰ FLOPs: mine needs ×")
    rows = list(csv.DictReader(io.StringIO(isoflop(*tables, "-o", "csv").stdout)))
    assert len(rows) == 25 and float(rows[0]["loss"]) > float(rows[-1]["loss"])
    assert list(rows[0]) == [
        "baseline", "other", "loss", "unit", "baseline_flops", "flops", "multiplier", "low", "high", "extrapolation",
    ]  # fmt: skip
    assert float(rows[0]["low"]) < float(rows[0]["multiplier"]) < float(rows[0]["high"])


def test_tokenizers_that_differ_are_compared_in_bits_per_byte(isoflop: Isoflop, table: Path, better: Path) -> None:
    tables = ("compare", "--csv", table, "--csv", better, *KEYS)
    sizes = ("--bytes-per-token", 4, "--bytes-per-token", 3.5)
    (bits,) = isoflop(*tables, *sizes, "-o", "json").json["comparisons"]
    assert bits["unit"] == "bits/byte"
    hopeless = isoflop(*tables, "--bytes-per-token", 40, "--bytes-per-token", 1)
    assert hopeless.code == 1 and "no loss in common" in hopeless.stderr


def test_the_values_of_an_axis_and_two_variants_are_compared(stored: Isoflop) -> None:
    words = ("--axis", "context", "--flops", "5e11", "-o", "json")
    (axis,) = stored("compare", "varied", *words).json["comparisons"]
    assert axis["verdict"]["flops"] == pytest.approx(5e11)
    assert (axis["baseline"], axis["other"]) == ("context=128", "context=64")
    assert axis["at_largest"]["multiplier"] < 0.4
    (swapped,) = stored("compare", "varied", "--axis", "context", "--baseline", "64", "-o", "json").json["comparisons"]
    assert swapped["baseline"] == "context=64"
    both = ("--variant", "context=128", "--variant", "context=64")
    (sides,) = stored("compare", "varied", "varied", *both, "--flops", "5e11", "-o", "json").json["comparisons"]
    assert sides["verdict"] == axis["verdict"]
    assert (sides["baseline"], sides["other"]) == ("varied context=128", "varied context=64")


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A table of two data sets, the second worth four times the compute of the first."""
    better = sweep(truth=lambda n, d: hoffmann(2 * n, 2 * d), seed=2)
    pd.concat([sweep(seed=1).assign(data="old"), better.assign(data="new")]).to_csv(tmp_path / "mixed.csv", index=False)
    return tmp_path / "mixed.csv"


def test_the_values_of_a_column_of_one_table_are_compared(isoflop: Isoflop, mixed: Path) -> None:
    (made,) = isoflop("compare", "--csv", mixed, "--axis", "data", "-o", "json").json["comparisons"]
    assert (made["baseline"], made["other"]) == ("data=old", "data=new")
    low, high = made["at_largest"]["interval"]
    assert low < 4 < high < 5
    words = ("compare", "--csv", mixed, "--axis", "data", "--baseline", "new", "-o", "json")
    (swapped,) = isoflop(*words).json["comparisons"]
    assert (swapped["baseline"], swapped["other"]) == ("data=new", "data=old")
    assert swapped["at_largest"]["multiplier"] == pytest.approx(1 / made["at_largest"]["multiplier"])


def test_experts_have_one_law_with_all_parameters_beside_those_in_use(isoflop: Isoflop, tmp_path: Path) -> None:
    """Four experts hold three times the parameters, of which each beyond the first third is worth nothing."""
    tables = [sweep(seed=value).assign(experts=value) for value in (1, 4)]
    for table, times in zip(tables, (1, 3), strict=True):
        table["params_total"], table["params_nonembedding"] = times * table.params, table.params
    pd.concat(tables).to_csv(tmp_path / "experts.csv", index=False)
    words = ("compare", "--csv", tmp_path / "experts.csv", "--axis", "experts")
    (found,) = isoflop(*words, "-o", "json").json["total_parameters"]
    assert (found["axis"], found["baseline"], found["largest_ratio"]) == ("experts", "1", pytest.approx(3))
    assert found["interval"][0] < 0 < found["interval"][1] and abs(found["weight"]) < 0.1


def test_rows_of_two_tables_are_chosen_by_value(isoflop: Isoflop, mixed: Path) -> None:
    refused = isoflop("compare", "--csv", mixed, "--csv", mixed)
    assert refused.code == 2 and "column data holds several experiments" in refused.stderr
    done = isoflop("compare", "--csv", mixed, "--csv", mixed, "--where", "data=new", "-o", "json")
    assert done.json["comparisons"][0]["at_largest"]["multiplier"] == pytest.approx(1)


def test_a_chart_is_drawn(isoflop: Isoflop, table: Path, better: Path, saved: list[tuple[Any, Path]]) -> None:
    done = isoflop("compare", "--csv", table, "--csv", better, *KEYS, "--out", "multiplier.html")
    assert done.code == 0 and "written: multiplier.html" in done.stderr
    ((chart, path),) = saved
    assert path.name == "multiplier.html" and "better" in chart.to_json()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["one"], 2, "two sweeps"),
        ([], 2, "two sweeps"),
        (["a", "b", "c"], 2, "two sweeps"),
        (["a", "b", "--axis", "lr"], 2, "one sweep with --axis"),
        (["--csv", "TABLE"], 2, "--csv twice"),
        (["a", "--csv", "TABLE", "--csv", "TABLE"], 2, "two tables with --csv"),
        (["--csv", "TABLE", "--csv", "TABLE", "--axis", "lr"], 2, "or once with --axis COLUMN"),
        (["--csv", "TABLE", "--axis", "lr"], 2, "has no column lr; its columns: "),
        (["--csv", "TABLE", "--axis", "seed"], 2, "needs two values, --baseline one of them: 0"),
        (["a", "b", "--where", "lr=1"], 2, "need --csv"),
        (["--csv", "TABLE", "--axis", "lr", "--bytes-per-token", "4", "--bytes-per-token", "5"], 2, "two tables"),
        (["a", "b", "--baseline", "0.1"], 2, "--axis"),
        (["a", "b", "--variant", "lr=1"], 2, "--variant twice"),
        (["a", "--axis", "lr", "--variant", "x=1", "--variant", "x=2"], 2, "--variant twice"),
        (["a", "b", "--bytes-per-token", "4"], 2, "need --csv"),
        (["a", "b", "--flops-key", "l"], 2, "need --csv"),
        (["--csv", "TABLE", "--csv", "TABLE", "--bytes-per-token", "4"], 2, "twice, both positive"),
        (
            ["--csv", "TABLE", "--csv", "TABLE", "--bytes-per-token", "4", "--bytes-per-token", "0"],
            2,
            "twice, both positive",
        ),
        (["--csv", "TABLE", "--csv", "TABLE", "--flops", "0"], 2, "0 is not a positive number"),
        (["nothing", "--axis", "lr"], 3, "there is no sweep"),
    ],
)
def test_mistakes_end_with_their_code_and_a_clear_word(
    isoflop: Isoflop, table: Path, arguments: list[str], code: int, words: str
) -> None:
    done = isoflop("compare", *(table if argument == "TABLE" else argument for argument in arguments))
    assert (done.code, done.stdout) == (code, ""), done.stderr
    assert words in " ".join(done.stderr.replace("│", " ").split())

"""The five functions of a notebook: the page that shows them runs, and they load nothing before they are used."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import analysis
from analysis import compare, fit, plot, predict, read_runs
from analysis.answers.ask import Question, ask
from analysis.law import Law
from analysis.records import LawError, QuestionError
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import sweep, table

PAGE = Path(__file__).parents[3] / "docs" / "python.md"


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(sweep(seed=1), holdout=False, loss_unit="nats/token")


@pytest.mark.slow
def test_the_pages_code_blocks_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(blocks) >= 7
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert (tmp_path / "isoflop.html").stat().st_size > 1000
    assert set(analysis.__all__) <= set(names), "the page shows every function"


def test_the_package_loads_nothing_heavy_before_it_is_used() -> None:
    code = (
        "import sys, analysis, analysis.names, analysis.refusals, analysis.wording\n"
        "heavy = {'pandas', 'altair', 'scipy', 'numpy', 'analysis.notebook'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_is_there_and_no_other() -> None:
    assert analysis.__all__ == ["compare", "fit", "plot", "predict", "read_runs"]
    assert set(analysis.__all__) <= set(dir(analysis))
    with pytest.raises(AttributeError, match="no attribute 'fits'"):
        _ = analysis.fits  # type: ignore[attr-defined]


def test_one_experiment_of_a_file_is_read(tmp_path: Path) -> None:
    runs = sweep(seed=1)
    both = pd.concat([runs.assign(data="a"), runs.assign(data="b", loss=runs.loss + 0.2)])
    both.to_csv(tmp_path / "runs.csv", index=False)
    assert read_runs(tmp_path / "runs.csv", where={"data": "b"}).loss == pytest.approx(runs.loss + 0.2)


def test_a_frame_and_its_table_give_one_law(tmp_path: Path, law: Law) -> None:
    runs = sweep(seed=1)
    renamed = runs.rename(columns={"flops": "C", "loss": "eval/loss"})
    assert fit(renamed, flops="C", loss="eval/loss", loss_unit="nats/token", holdout=False).law_id == law.law_id
    runs.to_csv(tmp_path / "runs.csv", index=False)
    read = read_runs(tmp_path / "runs.csv", loss_unit="nats/token")
    assert isinstance(read, RunTable) and fit(read, holdout=False).law_id == law.law_id
    assert fit(read).holdout and not law.holdout
    with pytest.raises(QuestionError, match="give flops to read_runs"):
        fit(read, flops="C")
    with pytest.raises(LawError, match="no column loss"):
        fit(pd.DataFrame({"flops": [1e18], "params": [1e8]}))


@pytest.mark.slow
def test_predict_asks_every_question(law: Law) -> None:
    for asked in (
        {"flops": 1e21},
        {"flops": 1e21, "params": 1e9},
        {"flops": 1e21, "times_too_small": 2.0},
        {"flops": 1e21, "max_tokens": 1e9},
        {"flops": 1e21, "inference_tokens": 1e11},
        {"params": 1e9, "tokens": 1e10},
        {"loss": 2.4},
    ):
        assert predict(law, **asked) == ask(law, Question(**asked)), asked
    hours = predict(law, gpu_hours=10, device="h100", mfu=0.5).prediction
    assert hours.flops == pytest.approx(10 * 3600 * 989.4e12 * 0.5)
    mine = predict(law, gpu_hours=10, device_tflops=100).prediction
    assert mine.flops == pytest.approx(10 * 3600 * 100e12 * 0.4)
    with pytest.raises(QuestionError, match="give a budget"):
        predict(law)


def test_compare_names_its_sides_and_their_unit(law: Law) -> None:
    other = fit(table(noise=0.002, seed=2), holdout=False)
    found = compare(law, law, names=("one", "two"), bytes_per_token=(4.0, 3.0), points=7)
    assert (found.baseline, found.other, found.unit, len(found.points)) == ("one", "two", "bits/byte", 7)
    assert compare(other, other).at_largest.multiplier == pytest.approx(1)


def test_plot_draws_the_chart_that_is_named(law: Law) -> None:
    curves, wide = plot(law).to_dict(), plot(law, "scaling", horizon=10).to_dict()
    assert "layer" in curves and "layer" not in wide
    assert plot(law, "scaling", horizon=1000).to_dict() != wide
    with pytest.raises(QuestionError, match="no chart 'isflop'"):
        plot(law, "isflop")  # type: ignore[arg-type]

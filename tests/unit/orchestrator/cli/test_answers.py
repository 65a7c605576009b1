"""The verbs that answer from a table, in this process: what they print, in which form, and with which exit code."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.main import main
from tests.unit.analysis.law_tables import hoffmann, sweep


@dataclass(frozen=True)
class Done:
    """What a command printed and how it ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.stdout)


Run = Callable[..., Done]


@pytest.fixture
def isoflop(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """The command line, in an empty home."""
    monkeypatch.setenv("ISOFLOP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: object) -> Done:
        monkeypatch.setattr("sys.argv", ["isoflop", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep with columns of others' names."""
    path = tmp_path_factory.mktemp("csv") / "mine.csv"
    names = {"flops": "C", "params": "N", "tokens": "D", "loss": "val/loss"}
    sweep(seed=1).rename(columns=names).to_csv(path, index=False)
    return path


KEYS = ("--flops-key", "C", "--params-key", "N", "--tokens-key", "D", "--loss-key", "val/loss")


def test_hours_of_a_device_and_published_laws_stand_beside_the_answer(isoflop: Run, table: Path) -> None:
    ask = ("predict", "--csv", table, *KEYS, "--gpu-hours", 100, "--device", "h100", "--mfu", 0.4)
    shown = isoflop(*ask, "--published").stdout
    assert "At 1.42×10²⁰ FLOPs" in shown
    assert "100 GPU-hours of h100 at 40% of 989.4 TFLOP/s" in shown
    assert "hoffmann2022" in shown and "C = 6 N D" in shown
    assert "hoffmann2022" not in isoflop(*ask).stdout
    (row,) = csv.DictReader(io.StringIO(isoflop(*ask, "-o", "csv").stdout))
    assert float(row["params_interval_low"]) < float(row["params"]) < float(row["params_interval_high"])
    assert float(row["hardware.gpu_hours"]) == pytest.approx(100)


def test_a_fit_names_published_laws_at_its_largest_budget(isoflop: Run, table: Path) -> None:
    published = isoflop("fit", "--csv", table, *KEYS, "-o", "json").json["published"]
    hoffmann2022 = next(law for law in published if law["name"] == "hoffmann2022")
    assert hoffmann2022["params"] == pytest.approx(6.45e8, rel=0.01)
    assert "besiroglu2024" in isoflop("fit", "--csv", table, *KEYS, "--published").stdout


def test_two_tables_are_compared(isoflop: Run, table: Path, tmp_path: Path) -> None:
    other = tmp_path / "better.csv"
    data = sweep(truth=lambda n, d: hoffmann(2 * n, 2 * d), seed=2)
    data.rename(columns={"flops": "C", "params": "N", "tokens": "D", "loss": "val/loss"}).to_csv(other, index=False)
    tables = ("compare", "--csv", table, "--csv", other, *KEYS)
    (made,) = isoflop(*tables, "-o", "json").json["comparisons"]
    assert (made["baseline"], made["other"], made["unit"]) == ("mine", "better", "as in the data")
    low, high = made["at_largest"]["interval"]
    assert low < 4 < high < 5
    assert "better against mine: how much more compute mine needs" in isoflop(*tables).stdout
    rows = list(csv.DictReader(io.StringIO(isoflop(*tables, "-o", "csv").stdout)))
    assert len(rows) == 25 and float(rows[0]["loss"]) > float(rows[-1]["loss"])
    sizes = ("--bytes-per-token", 4, "--bytes-per-token", 3.5)
    (bits,) = isoflop(*tables, *sizes, "-o", "json").json["comparisons"]
    assert bits["unit"] == "bits/byte"
    hopeless = isoflop(*tables, "--bytes-per-token", 40, "--bytes-per-token", 1)
    assert hopeless.code == 1 and "no loss in common" in hopeless.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["compare", "one"], 2, "two sweeps"),
        (["compare", "--csv", "TABLE"], 2, "--csv twice"),
        (["compare", "--csv", "TABLE", "--csv", "TABLE", "--axis", "lr"], 2, "one sweep with --axis"),
        (["compare", "a", "b", "--baseline", "0.1"], 2, "--axis"),
        (["compare", "a", "b", "--bytes-per-token", "4"], 2, "belong to --csv"),
        (["compare", "nothing", "--axis", "lr"], 3, "there is no sweep"),
        (["predict", "--csv", "TABLE", "--gpu-hours", "5"], 2, "give device"),
        (["predict", "--csv", "TABLE", "--flops", "1e20", "--mfu", "0.4"], 2, "--device"),
        (["predict", "--csv", "TABLE", "--flops", "1e20", "--device", "abacus"], 2, "known: v100"),
        (["predict", "--csv", "TABLE", "--flops", "1e20", "--variant", "a=1"], 2, "name a sweep"),
        (["predict", "--csv", "TABLE", "--loss", "0.1", *KEYS], 1, "below what the law reaches"),
        (["predict", "sweep", "--flops", "1e20", "--loss-key", "x"], 2, "--csv and --wandb only"),
        (["fit", "--csv", "TABLE"], 2, "no column"),
        (["fit"], 2, "name one source"),
        (["fit", "--csv", "TABLE", "--wandb", "a/b"], 2, "name one source"),
        (["fit", "--csv", "TABLE", "--state", "crashed"], 2, "give --wandb"),
        (["fit", "--wandb", "a/b", "--filter", "{"], 2, "no JSON"),
        (["fit", "--wandb", "a/b", "--filter", "[]"], 2, "JSON object"),
    ],
)
def test_mistakes_end_with_their_code_and_a_clear_word(
    isoflop: Run, table: Path, arguments: list[str], code: int, words: str
) -> None:
    done = isoflop(*(table if argument == "TABLE" else argument for argument in arguments))
    assert (done.code, done.stdout) == (code, ""), done.stderr
    assert words in " ".join(done.stderr.split())


def test_refusals_are_told_in_words_and_once(isoflop: Run, tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    sweep().groupby("flops").head(4).to_csv(path, index=False)
    done = isoflop("fit", "--csv", path)
    assert done.stdout.count("parabola, cubic and akima refused: 4 sizes at 1e+18 FLOPs") == 1
    assert "note: At" not in done.stdout
    noted = isoflop("predict", "--csv", path, "--flops", 1e20).stdout
    assert "At 10¹⁸ FLOPs refused: parabola, cubic and akima (too few sizes)." in noted
    for word in ("too_few", "no_parabola", "edge_minimum", "joint_skew"):
        assert word not in done.stdout + noted


def test_a_table_of_several_devices_is_fitted_with_a_warning(isoflop: Run, tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    runs = sweep(seed=1)
    runs.assign(device=["H100"] * (len(runs) - 2) + ["A100"] * 2).to_csv(path, index=False)
    told = f"{len(runs) - 2} on H100 and 2 on A100"
    assert any(told in warning for warning in isoflop("fit", "--csv", path, "-o", "json").json["warnings"])
    assert told in isoflop("fit", "--csv", path).stdout

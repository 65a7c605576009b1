"""The verbs that answer, over a table and over a stored sweep: forms, exit codes and messages."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from analysis.answers.ask import Question
from analysis.figures import PICTURES
from orchestrator.cli.answers import Picture, hardware_of, question_of
from orchestrator.use_cases import configured as configuring
from tests.unit.analysis.law_tables import sweep
from tests.unit.orchestrator.cli.conftest import KEYS, Isoflop


def test_a_fit_ends_with_the_answer_and_full_text_comes_on_request(isoflop: Isoflop, table: Path) -> None:
    short = isoflop("fit", "--csv", table, *KEYS)
    assert short.code == 0
    lines = short.stdout.splitlines()
    assert lines[0] == "mine: 35 of 35 runs, budgets 1e18 to 1e20"
    assert [line.split()[0] for line in lines[2:5]] == ["1e20", "3e20", "1e21"]
    assert lines[-1] == f"Next    isoflop predict --csv {table} {' '.join(KEYS)} --flops 3e21"
    assert len(lines) <= 14 and "akima" not in short.stdout
    full = isoflop("fit", "--csv", table, *KEYS, "-v").stdout
    assert full.startswith("Optimum of each budget\n") and "akima N*" in full
    assert full.endswith("\n\n" + short.stdout)


def test_a_table_without_a_law_exits_with_1_and_says_why(isoflop: Isoflop, tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    sweep(budgets=(1e18, 3e18)).to_csv(path, index=False)
    done = isoflop("fit", "--csv", path)
    assert done.code == 1
    assert "no law could be fitted" in done.stdout
    assert done.stdout.splitlines()[-1] == f"Next    isoflop plot --csv {path} --out two.svg"
    assert isoflop("fit", "--csv", path, "-o", "json").code == 1


def test_a_fit_as_csv_has_a_row_for_each_minimum(isoflop: Isoflop, table: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(isoflop("fit", "--csv", table, *KEYS, "-o", "csv").stdout)))
    assert len(rows) == 15
    assert {row["estimator"] for row in rows} == {"parabola", "cubic", "akima"}
    assert float(rows[0]["flops"]) == pytest.approx(1e18)


def test_published_laws_come_at_the_largest_budget(isoflop: Isoflop, table: Path) -> None:
    published = isoflop("fit", "--csv", table, *KEYS, "-o", "json").json["published"]
    hoffmann2022 = next(law for law in published if law["name"] == "hoffmann2022")
    assert hoffmann2022["params"] == pytest.approx(6.45e8, rel=0.01)
    shown = isoflop("fit", "--csv", table, *KEYS, "--published").stdout
    assert shown.startswith("Published laws at 10²⁰ FLOPs") and "besiroglu2024" in shown


def test_a_prediction_in_hours_of_a_device(isoflop: Isoflop, table: Path) -> None:
    ask = ("predict", "--csv", table, *KEYS, "--gpu-hours", 100, "--device", "h100", "--mfu", 0.4)
    shown = isoflop(*ask).stdout
    assert shown.splitlines()[2].split()[0] == "1.42e20"
    assert "Hours   100 GPU-hours of h100 at 40% of 989.4 TFLOP/s" in shown
    assert "hoffmann2022" not in shown and "joint skew" not in shown
    published = isoflop(*ask, "--published").stdout
    assert "hoffmann2022" in published and "C = 6 N D" in published
    assert "joint skew: N*" in isoflop(*ask, "-v").stdout
    (row,) = csv.DictReader(io.StringIO(isoflop(*ask, "-o", "csv").stdout))
    assert float(row["params_interval_low"]) < float(row["params"]) < float(row["params_interval_high"])
    assert float(row["hardware.gpu_hours"]) == pytest.approx(100)
    assert not any(key.startswith("estimators") for key in row)


def test_the_next_step_after_a_prediction(isoflop: Isoflop, stored: Isoflop, table: Path) -> None:
    last = stored("predict", "lab", "--flops", "2e12").stdout.splitlines()[-1]
    assert last == "Next    isoflop validate lab --flops 2e12"
    assert stored("predict", "lab", "--flops", "1e15").stdout.splitlines()[-1].endswith("--flops 1e13")
    assert stored("predict", "lab", "--flops", "5e11").stdout.splitlines()[-1].startswith("Next    isoflop plot lab")
    ask = isoflop("predict", "--csv", table, *KEYS, "--flops", "1e21").stdout.splitlines()
    assert ask[-2].startswith("Details isoflop predict --csv") and ask[-2].endswith("--flops 1e21 -v")
    assert ask[-1].startswith("Next    isoflop plot --csv") and ask[-1].endswith("--out mine.svg")


def test_a_sweep_answers_with_a_shape_and_its_data(stored: Isoflop) -> None:
    shown = stored("predict", "lab", "--flops", "1e13", "--max-tokens", "1e6").stdout
    assert shown.count("Shape   ") == 2
    assert "over your 5 M tokens: enough up to" in shown
    assert "Best with limited data" in shown and "epochs of 1 M unique tokens" in shown
    document = stored("predict", "lab", "--flops", "1e13", "-o", "json").json
    assert document["shape"]["flops"] == pytest.approx(1e13, rel=0.01)
    assert stored("fit", "lab").stdout.splitlines()[-1] == "Next    isoflop validate lab --flops 3e12"
    assert stored("fit", "varied").code == 1
    assert stored("fit", "varied", "--variant", "context=64").stdout.startswith("varied context=64: ")


@pytest.mark.parametrize(
    ("limit", "words"),
    [("1", "with 1 unique token at 10²¹ FLOPs"), pytest.param("1e3", "with 1 k unique", marks=pytest.mark.slow)],
)
def test_too_few_tokens_are_refused_and_the_number_that_is_named_is_answered(
    isoflop: Isoflop, table: Path, limit: str, words: str
) -> None:
    refused = isoflop("predict", "--csv", table, *KEYS, "--flops", "1e21", "--max-tokens", limit)
    said = " ".join(refused.stderr.split())
    assert (refused.code, refused.stdout) == (2, "")
    assert words in said and "worse than a uniform guess" in said
    number, suffix = said.split("Ask about ")[1].split()[:2]
    least = float(number) * {"k": 1e3, "M": 1e6}[suffix]
    ask = ("predict", "--csv", table, *KEYS, "--flops", "1e21", "--max-tokens")
    assert isoflop(*ask, least, "-o", "json").json["answer"]["loss"] < 12.48
    assert "unique tokens; without the limit" in isoflop(*ask, least).stdout


@pytest.mark.parametrize("limit", ["1e31", "1e300"])
def test_more_tokens_than_there_can_be_are_no_limit(isoflop: Isoflop, table: Path, limit: str) -> None:
    found = isoflop("predict", "--csv", table, *KEYS, "--flops", "1e21", "--max-tokens", limit, "-o", "json").json
    assert [found["answer"][key] for key in ("params", "tokens", "loss")] == [
        found[key] for key in ("params", "tokens", "loss")
    ]


def test_every_chart_can_be_named() -> None:
    assert {picture.value for picture in Picture} == set(PICTURES) | {"forecasts"} | {"all"}


def test_a_chart_is_written(isoflop: Isoflop, table: Path, saved: list[tuple[Any, Path]]) -> None:
    done = isoflop("plot", "--csv", table, *KEYS, "--chart", "isoflop", "--out", "law.html")
    assert (done.code, done.stdout) == (0, "") and "written: law.html" in done.stderr
    isoflop("plot", "--csv", table, *KEYS, "--chart", "scaling", "--published", "--out", "law.svg")
    (isoflops, first), (scaling, second) = ((chart.to_json(), path.name) for chart, path in saved)
    assert (first, second) == ("law.html", "law.svg")
    assert "mine" in isoflops and "hoffmann2022" not in isoflops
    assert "Hoffmann" in scaling or "hoffmann" in scaling


def test_a_question_has_every_option() -> None:
    asked = question_of(flops=1e20, max_tokens=1e9, device="h100", mfu=0.5)
    assert (asked.flops, asked.max_tokens) == (1e20, 1e9)
    assert asked.hardware is not None and asked.hardware.utilisation == 0.5
    assert question_of(params=1e6, tokens=1e8).tokens == 1e8
    assert question_of(loss=3.0, inference_tokens=1e9).inference_tokens == 1e9
    assert question_of(flops=1e20, too_small=2).times_too_small == 2
    assert hardware_of() is None
    other = hardware_of(device_tflops=100.0)
    assert other is not None and other.device.peak == 1e14


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["predict", "--csv", "TABLE", "--gpu-hours", "5"], 2, "give --device"),
        (["predict", "--csv", "TABLE", "--flops", "1e20", "--mfu", "0.4"], 2, "--mfu needs --device"),
        (["predict", "--csv", "TABLE", "--flops", "1e20", "--device", "abacus"], 2, "known: v100"),
        (["predict", "--csv", "TABLE", "--flops", "1e20", "--variant", "a=1"], 2, "name a sweep"),
        (["predict", "--csv", "TABLE", "--loss", "0.1", *KEYS], 2, "below what the law reaches. Ask for a loss from"),
        (["predict", "--csv", "TABLE", "--loss", "50", *KEYS], 2, "above what the law can tell. Ask for a loss from"),
        (["predict", "--csv", "TABLE", "--flops", "1", *KEYS], 2, "Ask for a budget from 1e15 to 1e25 FLOPs"),
        (
            ["predict", "--csv", "TABLE", "--gpu-hours", "1e9", "--device", "h100", *KEYS],
            2,
            "which are 0.000702 to 7,020,000 GPU-hours of h100",
        ),
        (
            ["predict", "--csv", "TABLE", "--flops", "1e20", "--too-small", "1e9", *KEYS],
            2,
            "Ask about 0.01 to 100 times",
        ),
        (["predict", "--csv", "TABLE", "--flops", "1e20", "--inference-tokens", "1e30", *KEYS], 2, "tokens or fewer"),
        (["predict", "--csv", "TABLE", "--params", "1", "--tokens", "1e20", *KEYS], 2, "Ask for a size from"),
        (["predict", "sweep", "--flops", "1e20", "--tokens-key", "x"], 2, "--csv and --wandb only"),
        (["predict", "sweep", "--flops", "1e20"], 3, "there is no sweep"),
        (["fit", "--csv", "TABLE"], 2, "no column"),
        (["fit"], 2, "name one source"),
        (["fit", "--csv", "TABLE", "--wandb", "a/b"], 2, "name one source"),
        (["fit", "--csv", "TABLE", "--state", "crashed"], 2, "need --wandb"),
        (["fit", "--wandb", "a/b", "--filter", "{"], 2, "not valid JSON"),
        (["fit", "--wandb", "a/b", "--filter", "[]"], 2, "JSON object"),
    ],
)
def test_mistakes_end_with_their_code_and_a_clear_word(
    isoflop: Isoflop, table: Path, arguments: list[str], code: int, words: str
) -> None:
    done = isoflop(*(table if argument == "TABLE" else argument for argument in arguments))
    assert (done.code, done.stdout) == (code, ""), done.stderr
    assert words in " ".join(done.stderr.split())


def test_a_table_of_several_devices_is_fitted_with_a_warning(isoflop: Isoflop, tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    runs = sweep(seed=1)
    runs.assign(device=["H100"] * (len(runs) - 2) + ["A100"] * 2).to_csv(path, index=False)
    warning = f"{len(runs) - 2} on H100 and 2 on A100"
    assert any(warning in text for text in isoflop("fit", "--csv", path, "-o", "json").json["warnings"])
    assert warning in isoflop("fit", "--csv", path, "-v").stdout


def test_an_answer_is_printed_or_written_for_a_program(
    stored: Isoflop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def configured(answers: Any, label: str, question: Question, program: str) -> str:
        return f"{answers.name} {label} {question.flops:g} {program}\n"

    monkeypatch.setattr(configuring, "configured", configured)
    ask = ("predict", "varied", "--variant", "context=64", "--flops", "2e12", "--config")
    assert stored(*ask, "llama").stdout == "varied@varied00 context=64 2e+12 llama\n"
    path = tmp_path / "lab.yaml"
    written = stored(*ask, "olmo-core", "--out", path)
    assert (written.code, written.stdout) == (0, "") and f"written: {path}" in written.stderr
    assert path.read_text() == "varied@varied00 context=64 2e+12 olmo-core\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--csv", "TABLE", "--flops", "1e20", "--config", "llama"], "--config needs a sweep: a table has no recipe"),
        (["lab", "--flops", "2e12", "--config", "llama", "-o", "json"], "leave out -o json"),
        (["lab", "--flops", "2e12", "--out", "x"], "--out needs --config"),
        (["lab", "--flops", "2e12", "--config", "gpt"], "'gpt' is not one of 'isoflop', 'llama', 'nanochat',"),
        (["lab", "--config", "llama"], "give a budget with --flops"),
        (["lab", "--flops", "2e12", "--config", "llama", "--out", "no/such/file"], "there is no no/such"),
    ],
)
def test_a_configuration_that_cannot_be_made_is_refused(
    stored: Isoflop, table: Path, words: list[str], said: str
) -> None:
    done = stored("predict", *(table if word == "TABLE" else word for word in words))
    assert (done.code, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.replace("│", " ").split())

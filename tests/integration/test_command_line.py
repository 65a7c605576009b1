"""The verbs over one real finished sweep: what they print, where, and with which exit code."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.use_cases.export import COLUMNS
from tests.conftest import ROOT, Finished, Sandbox
from tests.integration.command_lines import Stage, Typed

PREDICT_KEYS = {
    "flops", "params", "tokens", "loss", "params_interval", "tokens_interval", "loss_interval", "run_interval", "extrapolation",
    "largest_budget", "confidence", "estimators", "convention", "loss_unit", "law_id", "shape", "warnings",
}  # fmt: skip
FIT_KEYS = {"curves", "laws", "lack_of_fit", "holdout", "excluded", "noise"}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of an exact Chinchilla surface: 5 budgets × 7 sizes."""
    path = tmp_path_factory.mktemp("csv") / "runs.csv"
    rows = ["flops,params,tokens,loss"]
    for budget in (1e18, 3e18, 1e19, 3e19, 1e20):
        centre = (budget / 6 / 20) ** 0.5
        for step in range(-3, 4):
            params = centre * 1.6**step
            tokens = budget / 6 / params
            rows.append(f"{budget},{params},{tokens},{1.7 + 400 / params**0.34 + 1900 / tokens**0.36}")
    path.write_text("\n".join(rows))
    return path


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """An empty home and folder, for commands of this process: each process of its own takes a second or two to start."""
    for name in ("home", "cwd", "user", "tmp"):
        (tmp_path / name).mkdir()
    return Stage(tmp_path)


def test_running_shows_plan_progress_result_and_next_steps(finished: Finished) -> None:
    for words in (
        "Plan of sweep tiny",
        "runs done",
        "tiny: 15 of 15 runs, budgets 2e9 to 8e9",
        "Trust   ",
        "Report  ",
        "report.html",
        "wandb   ",
    ):
        assert words in finished.stderr, words
    assert "akima" not in finished.stderr
    assert finished.stderr.splitlines()[-1].startswith("Next    isoflop ")
    full = finished.isoflop("fit", "tiny", "-v", check=False).stdout
    assert "Optimum of each budget" in full and "akima" in full


@pytest.mark.slow
def test_running_again_trains_nothing(finished: Finished) -> None:
    before = finished.isoflop("show", "tiny", "-o", "json").stdout
    again = finished.isoflop("run", "tiny", "--yes", check=False)
    assert "starting" not in again.stderr
    assert finished.isoflop("show", "tiny", "-o", "json").stdout == before


def test_ls_speaks_json_alone_on_stdout(finished: Finished) -> None:
    (row,) = json.loads(finished.isoflop("ls", "-o", "json").stdout)
    assert row["name"] == "tiny"
    assert row["done"] == row["total"] > 10
    assert row["flops_spent"] == pytest.approx(row["flops_planned"])


def test_export_has_the_contract_columns(finished: Finished) -> None:
    rows = list(csv.DictReader(io.StringIO(finished.isoflop("export", "tiny", "--out", "-").stdout)))
    assert set(COLUMNS) <= set(rows[0])
    for row in rows:
        assert row["state"] == "done"
        assert abs(float(row["flops"]) / float(row["budget"]) - 1) < 0.01
        assert 0 < float(row["loss"]) < 7
        assert float(row["bits_per_byte"]) > 0


def test_report_files_are_there(finished: Finished) -> None:
    folder = finished.sandbox.home / "reports" / "tiny"
    names = {path.name for path in folder.iterdir()}
    assert {"report.html", "runs.csv"} <= names
    assert sum(name.endswith(".png") for name in names) >= 3
    assert "http://" not in (folder / "report.html").read_text().split("</head>")[0]


def test_fit_and_predict_of_a_table(sandbox: Sandbox, table: Path) -> None:
    fitted = json.loads(sandbox.isoflop("fit", "--csv", str(table), "-o", "json").stdout)
    assert set(fitted) >= FIT_KEYS
    assert len(fitted["curves"]) == 5
    answer = json.loads(sandbox.isoflop("predict", "--csv", str(table), "--flops", "1e21", "-o", "json").stdout)
    assert set(answer) >= PREDICT_KEYS
    assert answer["extrapolation"] == pytest.approx(10)
    low, high = answer["loss_interval"]
    assert low <= answer["loss"] <= high
    assert answer["run_interval"][0] < low < high < answer["run_interval"][1]
    assert answer["params"] * answer["tokens"] * 6 == pytest.approx(1e21, rel=1e-6)


def test_questions_beyond_the_optimum(stage: Stage, table: Path) -> None:
    def ask(*question: str) -> Any:
        ended = stage.run(Typed(("predict", "--csv", str(table), "-o", "json", *question)))
        assert ended.code == 0, ended.stderr
        return json.loads(ended.stdout)

    best = ask("--flops", "1e21")
    small = ask("--flops", "1e21", "--params", str(best["params"] / 4))["answer"]
    assert small["loss"] > best["loss"]
    served = ask("--flops", "1e21", "--inference-tokens", "1e13")["answer"]
    assert served["params"] < best["params"]
    scarce = ask("--flops", "1e21", "--max-tokens", "1e9")["answer"]
    assert scarce["loss"] > best["loss"]
    needed = ask("--loss", str(best["loss"]))
    assert needed["flops"] == pytest.approx(1e21, rel=0.02)
    assert needed["flops_interval"][0] < 1e21 < needed["flops_interval"][1]


def test_a_sweep_answers_with_its_recipe(finished: Finished) -> None:
    done = finished.isoflop("predict", "tiny", "--flops", "2e10", "--too-small", "2", "-o", "json", check=False)
    assert done.stderr.count("state:") == 1
    document = json.loads(done.stdout)
    for part in (document, document["answer"]):
        assert part["params_nonembedding"] < part["params"] < part["params_total"]
        assert part["shape"]["flops"] == pytest.approx(part["flops"], rel=0.01)


def test_a_plan_tells_the_interval_to_expect(finished: Finished) -> None:
    (expected,) = json.loads(finished.isoflop("plan", "tiny", "-o", "json").stdout)["expected"]
    assert [width["multiple"] for width in expected["widths"]] == [10, 100]
    assert expected["refusal"] is None


@pytest.mark.slow
def test_plot_writes_every_form(sandbox: Sandbox, table: Path) -> None:
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<svg"), (".pdf", b"%PDF"), (".html", b"<!")):
        out = sandbox.cwd / f"chart{suffix}"
        sandbox.isoflop("plot", "--csv", str(table), "--out", str(out))
        assert out.read_bytes().lstrip()[:8].lower().startswith(start.lower()), suffix


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["show", "nothing"], 3, "there is no sweep 'nothing'"),
        (["predict", "nothing", "--flops", "1e13"], 3, "there is no sweep"),
        (["predict", "--flops", "1e13"], 2, "--csv"),
        (["predict", "demo"], 2, "give a budget"),
        (["predict", "demo", "--flops", "1e13", "--params", "1e5", "--max-tokens", "1e6"], 2, "one question"),
        (["predict", "demo", "--flops", "-1"], 2, "positive"),
        (["predict", "--csv", "missing.csv", "--flops", "1e13"], 2, "missing.csv"),
        (["plan", "missing.yaml"], 2, "missing.yaml"),
        (["plan", "tiny", "budgetz=[1e9]"], 2, "budgets"),
        (["serve", "--host", "0.0.0.0"], 2, "ISOFLOP_TOKEN"),
        (["frobnicate"], 2, "frobnicate"),
    ],
)
def test_mistakes_end_with_their_code_and_a_clear_word(
    stage: Stage, arguments: list[str], code: int, words: str
) -> None:
    ended = stage.run(Typed(tuple(arguments)))
    assert ended.code == code, ended.stderr
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [(["show", "nothing"], 3, "there is no sweep 'nothing'"), (["frobnicate"], 2, "frobnicate")],
)
def test_a_process_ends_with_the_code_of_its_mistake(
    sandbox: Sandbox, arguments: list[str], code: int, words: str
) -> None:
    done = sandbox.isoflop(*arguments, check=False)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert words in done.stderr and "Traceback" not in done.stderr


def test_a_mistake_in_a_sweep_file_names_line_and_column(stage: Stage) -> None:
    path = stage.cwd / "mine.yaml"
    path.write_text("name: mine\nbudgets: [1e9, 2e9]\nsizes: {count: 5, spam: 4}\n")
    ended = stage.run(Typed(("plan", str(path))))
    assert ended.code == 2
    assert "mine.yaml:3:19" in ended.stderr
    assert "did you mean" in ended.stderr


def test_answers_from_a_table_load_nothing_heavy(table: Path, tmp_path: Path) -> None:
    heavy = ("torch", "ray", "wandb", "hydra", "fastapi", "sqlalchemy")
    source = ["--csv", str(table)]
    verbs = (
        ["predict", *source, "--flops", "1e21", "--device", "h100", "--published", "-o", "json"],
        ["fit", *source, "-o", "csv"],
        ["compare", *source, *source],
        ["plot", *source, "--out", str(tmp_path / "chart.svg")],
    )
    code = (
        "import sys; from orchestrator.cli.app import app\n"
        f"for verb in {verbs!r}:\n"
        "    app(verb, standalone_mode=False)\n"
        f"    print('loaded', verb[0], [m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True, cwd=ROOT
    )
    loaded = [line for line in done.stderr.splitlines() if line.startswith("loaded")]
    assert loaded == [f"loaded {verb[0]} []" for verb in verbs]
    assert (tmp_path / "chart.svg").exists()


def test_listing_sweeps_loads_neither_planning_nor_fitting(sandbox: Sandbox) -> None:
    heavy = ("torch", "ray", "wandb", "hydra", "fastapi", "pandas", "scipy")
    code = (
        "import sys; from orchestrator.cli.app import app\n"
        f"app(['ls'], standalone_mode=False); print('loaded', [m for m in {heavy!r} if m in sys.modules])"
    )
    environment = os.environ | {"ISOFLOP_HOME": str(sandbox.home)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=ROOT,
        env=environment,
    )
    assert done.stdout == "loaded []\n"
    assert "no sweep yet" in done.stderr


def test_doctor_finds_a_healthy_machine(finished: Finished) -> None:
    rows = json.loads(finished.isoflop("doctor", "-o", "json").stdout)
    assert {row["ok"] for row in rows} == {"yes"}, rows


def test_flops_shares_add_up(sandbox: Sandbox) -> None:
    picture = sandbox.home / "flops.svg"
    answer = sandbox.isoflop("flops", "--params", "1e5", "--params", "1e9", "-o", "json", "--out", str(picture))
    document = json.loads(answer.stdout)
    assert [row["params"] for row in document["sizes"]] == pytest.approx([1e5, 1e9], rel=0.25)
    small, large = (row["share"] for row in document["sizes"])
    assert sum(small.values()) == pytest.approx(1) == sum(large.values())
    assert small["attention_scores"] > small["mlp"]
    assert large["mlp"] > 0.6 > large["attention_scores"] + large["attention_projections"]
    exponents = {row["convention"]: row["exponent"] for row in document["conventions"] if row["flops"] == 1e14}
    assert exponents["kaplan"] > exponents["isoflop"] + 0.08
    assert "Attention scores" in picture.read_text(encoding="utf-8")


def test_flops_asks_the_law_of_a_table(sandbox: Sandbox, table: Path) -> None:
    document = json.loads(sandbox.isoflop("flops", "--csv", str(table), "-o", "json").stdout)
    found = [row for row in document["conventions"] if row["convention"] == "six_n"]
    assert found[0]["flops"] == pytest.approx(1e18)
    # The table was made with C = 6 N D, so this convention gives back its own optimum.
    assert found[0]["exponent"] == pytest.approx(0.36 / 0.70, abs=0.02)
    refused = sandbox.isoflop("flops", "--law", "llama3", check=False)
    assert refused.returncode == 2
    assert "besiroglu2024" in refused.stderr


@pytest.mark.slow
def test_plan_for_a_device_elsewhere_fills_its_hours(finished: Finished, tmp_path: Path) -> None:
    runs = tmp_path / "plan.json"
    wanted = ("--device", "h100", "--devices", "2", "--hours", "1e-5", "--mfu", "0.01", "--runs", str(runs))
    answer = json.loads(finished.isoflop("plan", "tiny", "limits.flops=null", *wanted, "-o", "json").stdout)
    hours = answer["hours"]
    assert (hours["device"], hours["devices"], len(hours["budgets"])) == ("h100", 2, 5)
    assert hours["wall_hours"] == pytest.approx(1e-5, rel=0.05)
    assert sum(budget["device_hours"] for budget in hours["budgets"]) == pytest.approx(hours["device_hours"])
    assert len(json.loads(runs.read_text())) == len(answer["runs"]) > 0
    assert finished.isoflop("plan", "tiny", "--mfu", "0.3", check=False).returncode == 2

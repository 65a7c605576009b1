"""The verb `flops`: shares, counts and conventions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.flops import DECADES, PUBLISHED_BUDGETS
from tests.unit.analysis.law_tables import sweep
from tests.unit.orchestrator.cli.conftest import Isoflop


def test_shares_add_up_and_attention_is_largest_in_small_models(isoflop: Isoflop) -> None:
    document = isoflop("flops", "--params", "1e5", "--params", "1e9", "-o", "json").json
    small, large = document["sizes"]
    assert [row["params"] for row in document["sizes"]] == pytest.approx([1e5, 1e9], rel=0.25)
    assert sum(small["share"].values()) == pytest.approx(1) == sum(large["share"].values())
    assert small["share"]["attention_scores"] > small["share"]["mlp"]
    assert large["share"]["mlp"] > 0.6
    assert small["params_nonembedding"] < small["params"] < small["params_total"]
    assert small["flops_per_param"]["isoflop"] == pytest.approx(small["flops_per_token"] / small["params"])
    assert "Besiroglu" in document["law"]
    assert {row["flops"] for row in document["conventions"]} == set(PUBLISHED_BUDGETS)


def test_experts_count_by_what_a_token_uses(isoflop: Isoflop) -> None:
    asked = ("flops", "--params", "1e9", "-o", "json")
    (dense,) = isoflop(*asked).json["sizes"]
    document = isoflop(*asked, "--model", "experts=8", "--model", "active=2").json
    (mixed,) = document["sizes"]
    assert mixed["shape"].endswith(" e8a2") and mixed["params"] == pytest.approx(dense["params"], rel=0.1)
    assert mixed["flops_per_token"] == pytest.approx(dense["flops_per_token"], rel=0.1)
    assert mixed["params_total"] > 2.5 * dense["params_total"]
    refused = isoflop("flops", "--model", "experts=2", "--model", "active=4")
    assert refused.code == 2 and "can build no model with these parts" in " ".join(refused.stderr.split())


def test_tables_show_sizes_and_conventions(isoflop: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    lines = isoflop("flops", "--flops", "1e20").stdout.splitlines()
    assert lines[0].startswith("Shares of a token's training FLOPs. Shapes of porian-olmo, vocabulary 4,096, context")
    at = next(i for i, line in enumerate(lines) if line.startswith("N* as each convention counts it, by the law of"))
    assert at == len(DECADES) + 2
    assert "N* at 10²⁰" in lines[at + 1] and "exponent 10²⁰" in lines[at + 1]
    assert any(line.startswith("six_n ") for line in lines[at:])
    monkeypatch.setenv("COLUMNS", "70")
    assert max(map(len, isoflop("flops", "--flops", "1e20").stdout.splitlines()[1:9])) <= 70


def test_a_table_answers_with_its_own_law(isoflop: Isoflop, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    sweep(noise=0.0003).to_csv(path, index=False)
    document = isoflop("flops", "--csv", path, "-o", "json", "--recipe", "cpu-small").json
    budgets = sorted({row["flops"] for row in document["conventions"]})
    assert budgets == pytest.approx([1e18, 1e19, 1e20, 1e21, 1e22])
    six = [row for row in document["conventions"] if row["convention"] == "six_n"]
    assert six[0]["exponent"] == pytest.approx(0.28 / 0.62, abs=0.03)


def test_a_sweep_answers_with_its_own_shapes(stored: Isoflop, saved: list[tuple[Any, Path]]) -> None:
    done = stored("flops", "lab", "--out", "flops.html")
    assert "Shapes of cpu-small, vocabulary 1,024, context 128." in done.stdout
    assert "by the law of sweep lab" in done.stdout
    ((chart, path),) = saved
    assert "Attention scores" in chart.to_json() and path.name == "flops.html"
    assert "written: flops.html" in done.stderr


def test_parts_of_the_model_change_the_shapes(isoflop: Isoflop) -> None:
    """Half the heads of keys spare a quarter of the projections; a window of 64 tokens nearly all of the scores."""
    size = ("flops", "--params", "1e8", "-o", "json")
    plain = isoflop(*size).json["sizes"][0]
    parts = ("kv_heads=4", "mlp=relu2", "window=64", "window_pattern=SSSL")
    changed = isoflop(*size, *(word for part in parts for word in ("--model", part))).json["sizes"][0]
    assert " kv4 " in changed["shape"] and " kv" not in plain["shape"]
    assert changed["share"]["attention_scores"] < 0.5 * plain["share"]["attention_scores"]
    assert changed["share"]["attention_projections"] < plain["share"]["attention_projections"]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (["kv_heads"], "write KEY=VALUE, such as kv_heads=4"),
        (["mlp=relu"], "model.mlp is 'relu': choose swiglu or gelu or relu2"),
        (["heads=4"], "model.heads not a part of a model"),
        (["window=-1"], "model.window must not be negative"),
        (["qk_norm=no"], "write false"),
        (["kv_heads=3", "--recipe", "cpu-small"], "recipe cpu-small can build no model with these parts"),
    ],
)
def test_parts_that_no_model_has_are_refused(isoflop: Isoflop, parts: list[str], message: str) -> None:
    done = isoflop("flops", "--model", *parts)
    assert done.code == 2
    assert message in " ".join(done.stderr.split())


def test_a_sweep_s_own_parts_are_not_replaced(stored: Isoflop) -> None:
    done = stored("flops", "lab", "--model", "kv_heads=1")
    assert done.code == 2 and "a sweep has its own parts: leave --model out" in " ".join(done.stderr.split())


def test_csv_has_the_sizes(isoflop: Isoflop) -> None:
    assert isoflop("flops", "--params", "1e6", "-o", "csv").stdout.startswith("shape,params,params_total,")


def test_an_unknown_published_law_names_the_known_ones(isoflop: Isoflop) -> None:
    done = isoflop("flops", "--law", "llama3")
    assert done.code == 2 and "no published surface 'llama3'; known: " in " ".join(done.stderr.split())
    assert "besiroglu2024" in done.stderr

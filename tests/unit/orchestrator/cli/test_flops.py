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
    document = isoflop(*asked, "--experts", "8", "--active", "2").json
    (mixed,) = document["sizes"]
    assert mixed["shape"].endswith(" e8a2") and mixed["params"] == pytest.approx(dense["params"], rel=0.1)
    assert mixed["flops_per_token"] == pytest.approx(dense["flops_per_token"], rel=0.1)
    assert mixed["params_total"] > 2.5 * dense["params_total"]
    refused = isoflop("flops", "--experts", "2", "--active", "4")
    assert refused.code == 2 and "4 is more than the 2 of --experts" in " ".join(refused.stderr.split())


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


def test_csv_has_the_sizes(isoflop: Isoflop) -> None:
    assert isoflop("flops", "--params", "1e6", "-o", "csv").stdout.startswith("shape,params,params_total,")


def test_an_unknown_published_law_names_the_known_ones(isoflop: Isoflop) -> None:
    done = isoflop("flops", "--law", "llama3")
    assert done.code == 2 and "no published surface 'llama3'; known: " in " ".join(done.stderr.split())
    assert "besiroglu2024" in done.stderr

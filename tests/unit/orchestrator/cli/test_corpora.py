"""The verb `corpus`, in its forms."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.orchestrator.cli.conftest import Isoflop


def test_a_corpus_of_files_and_that_of_a_sweep(isoflop: Isoflop, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        "\n".join(json.dumps({"text": f"number {i} " * 20}) for i in range(400)) + '\n{"text": "a\\u0000"}\n'
    )
    sweep = tmp_path / "x.yaml"
    sweep.write_text(
        f"name: x\nbudgets: [1e11]\ntokenizer: {{kind: byte}}\ncorpus: {{source: jsonl, paths: [{path}], invalid: skip, "
        "rules: {words_least: 3}, validation_fraction: 0.1}\n"
    )
    done = isoflop("corpus", sweep, "-o", "json")
    assert done.code == 0, done.stderr
    assert (done.json["documents"], done.json["cleaning"]["invalid"]) == (400, {"NUL": 1})
    assert [one["passes"] for one in done.json["budgets"]] == [1, 4]
    table = isoflop("corpus", sweep, "corpus.rules={words_least: 42}")
    assert table.code != 0 and "threw all 400 documents away" in table.stderr
    shown = isoflop("corpus", sweep)
    assert "of both, copies of validation documents" in shown.stdout
    assert "invalid: NUL" in shown.stdout and "letters: Latin" in shown.stdout and "kept: number" in shown.stderr
    assert isoflop("corpus", sweep, "-o", "csv").stdout.splitlines()[0] == "what,value"
    refused = isoflop("corpus", path)
    assert refused.code == 2
    assert f"{path}: a document of it holds a NUL" in refused.stderr


def test_the_domains_of_a_mix_and_its_sets(isoflop: Isoflop, tmp_path: Path) -> None:
    for name, count in (("code", 300), ("prose", 100), ("wiki", 5)):
        lines = (json.dumps({"text": f"{name} number {i} " * 20}) for i in range(count))
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    sweep = tmp_path / "x.yaml"
    sweep.write_text(
        "name: x\nbudgets: [1e11]\ntokenizer: {kind: byte}\ncorpus:\n  validation_fraction: 0.1\n  mix:\n"
        f"    - {{source: jsonl, paths: [{tmp_path}/code.jsonl], weight: 1}}\n"
        f"    - {{source: jsonl, paths: [{tmp_path}/prose.jsonl], weight: 1}}\n"
        f"  validation: {{wiki: {tmp_path}/wiki.jsonl}}\n"
    )
    found = isoflop("corpus", sweep, "-o", "json").json
    assert {name: one["weight"] for name, one in found["domains"].items()} == {"code": 0.5, "prose": 0.5}
    assert found["domains"]["prose"]["share_by_size"] == pytest.approx(0.25, abs=0.05)
    assert found["sets"]["wiki"]["documents"] == 5
    shown = isoflop("corpus", sweep).stdout
    assert "domain prose" in shown and "50.0% by weight, 2" in shown and "validation set wiki" in shown
    assert "tokens of one pass" in shown
    missing = isoflop("corpus", sweep, "corpus.validation.wiki=no-such.jsonl")
    assert missing.code == 2 and "override 1: corpus.validation.wiki: no-such.jsonl " in missing.stderr
    sweep.write_text(sweep.read_text().replace("prose.jsonl", "none.jsonl"))
    assert f"{sweep}:8:7 corpus.mix.1: {tmp_path}/none.jsonl " in isoflop("corpus", sweep).stderr

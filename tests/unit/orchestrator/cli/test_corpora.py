"""The verb `corpus`, in its forms."""

from __future__ import annotations

import json
from pathlib import Path

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
    assert "invalid: NUL" in shown.stdout and "letters: Latin" in shown.stdout and "kept: number" in shown.stderr
    assert isoflop("corpus", sweep, "-o", "csv").stdout.splitlines()[0] == "what,value"
    refused = isoflop("corpus", path)
    assert refused.code == 2
    assert f"{path}: a document of it holds a NUL" in refused.stderr

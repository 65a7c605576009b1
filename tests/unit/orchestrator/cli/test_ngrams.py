"""The verb `ngram`, and how its numbers reach the answers of a sweep."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from tests.unit.analysis.ngram_laws import baseline
from tests.unit.orchestrator.cli.conftest import Isoflop
from tests.unit.orchestrator.cli.stored import FACTS


def keep(home: Path, loss: float) -> None:
    """N-grams of this loss for the sweep `lab`, as if they had been measured."""
    folder = home / "artifacts" / FACTS.dataset
    folder.mkdir(parents=True)
    scores = [asdict(score) for score in baseline(loss).scores]
    content = {"version": 1, "unique_tokens": 10**13, "scores": scores}
    (folder / "ngrams-128.json").write_text(json.dumps(content))


def test_the_n_grams_and_what_they_say_of_the_runs(stored: Isoflop, tmp_path: Path) -> None:
    keep(tmp_path / "home", 99.0)
    done = stored("ngram", "lab")
    assert done.code == 0
    assert "The smallest model, " in done.stderr
    found = stored("ngram", "lab", "-o", "json").json
    assert found["sweep"] == "lab"
    assert [score["order"] for score in found["variants"][""]["scores"]] == [1, 2, 1, 2]


def test_fit_shows_them_beside_the_loss_that_they_have(stored: Isoflop, tmp_path: Path) -> None:
    without = stored("fit", "lab").stdout
    keep(tmp_path / "home", 0.1)
    told = stored("fit", "lab").stdout
    assert "No run beats the best n-gram" not in without
    assert "No run beats the best n-gram" in told
    assert stored("fit", "lab", "--loss-key", "bits_per_byte", "-o", "json").json["ngrams"] is None


def test_without_its_dataset_nothing_can_be_measured(stored: Isoflop) -> None:
    done = stored("ngram", "lab")
    assert done.code != 0
    assert "prepare the corpus" in done.stderr

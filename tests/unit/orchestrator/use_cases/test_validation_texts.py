"""Identities of validation texts: of a dataset, of its further sets, and of one that is gone."""

from __future__ import annotations

from pathlib import Path

from orchestrator.use_cases.validation_texts import texts_of
from tests.unit.model.model_data import write_mix


def test_each_text_of_each_dataset_has_its_own(tmp_path: Path) -> None:
    made = write_mix(tmp_path).manifest
    assert dict(texts_of(tmp_path, [made.dataset, "gone"])) == {
        made.dataset: "c 6000 0",
        f"{made.dataset} a": "t",
        "gone": "",
    }

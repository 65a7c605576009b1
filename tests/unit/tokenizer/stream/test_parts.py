"""The parts of a corpus: runs and split decide which of its documents belong to each."""

from __future__ import annotations

import numpy as np

from tokenizer.corpus_spec import CorpusSpec
from tokenizer.domain_spec import DomainSpec
from tokenizer.readings import readings
from tokenizer.stream.index import ROW
from tokenizer.stream.parts import numbers_of, parts_of

MIX = CorpusSpec(mix=(DomainSpec("b"), DomainSpec("a")), validation={"v": "v.txt"})


def test_runs_and_split_decide() -> None:
    ends = [1, 1, 3]  # v has the first run, b none, a two
    rows = np.zeros(6, ROW)
    rows["run"] = [0, 0, 1, 1, 2, 2]
    rows["digest"][:, -8] = [0, 255, 0, 255, 0, 255]
    parts = parts_of(readings(MIX), ends)
    assert {name: part.of(rows, 0.5)["run"].tolist() for name, part in parts.items()} == {
        "train": [1, 2],
        "validation": [1, 2],
        "all": [1, 1, 2, 2],
        "validation-v": [0, 0],
        "train-b": [],
        "validation-b": [],
        "train-a": [1, 2],
        "validation-a": [1, 2],
    }
    assert numbers_of(rows, ends).tolist() == [0, 0, 2, 2, 2, 2]


def test_one_source_has_its_two_splits() -> None:
    assert list(parts_of(readings(CorpusSpec()), [4])) == ["train", "validation", "all"]

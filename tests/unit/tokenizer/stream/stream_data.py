"""What the tests of `tokenizer.stream` share: a corpus with planted duplicates, cut into small pieces."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tokenizer.corpus import CorpusSpec
from tokenizer.stream import index, portions, reading


def texts(count: int = 120, seed: int = 0) -> list[str]:
    """Texts of 60 words, every tenth with a near duplicate (two words of it are others) and an exact one behind it."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        words = [f"w{rng.randrange(10_000)}" for _ in range(60)]
        found.append(" ".join(words))
        if number % 10 == 0:
            found += [" ".join(["changed", *words[1:-1], "too"]), found[-1]]
    return found


def write_corpus(folder: Path, **fields: object) -> CorpusSpec:
    """Several files of JSON lines."""
    folder.mkdir(exist_ok=True)
    lines = [json.dumps({"text": text}) + "\n" for text in texts()]
    for number in range(3):
        (folder / f"{number}.jsonl").write_text("".join(lines[number::3]))
    settings = {"validation_fraction": 0.2, "near_duplicates": 0.7, "rules": {"words_least": 10}} | fields
    return CorpusSpec("jsonl", (str(folder),), **settings)  # type: ignore[arg-type]


def in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut what is tested into many portions, runs and buckets."""
    monkeypatch.setattr(portions, "PORTION_BYTES", 9_000)
    monkeypatch.setattr(reading, "RUN_BYTES", 4_000)
    monkeypatch.setattr(index, "BUCKET_BYTES", 5_000)

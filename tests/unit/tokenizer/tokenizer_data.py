"""What the tests of `tokenizer` share."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.conftest import ROOT
from tokenizer.corpus import Corpus
from tokenizer.shard_writer import write_shards
from tokenizer.shards import Manifest, Shards

SOURCE = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tokenizer").glob("*.py")))
DRAFT = Manifest(corpus="c", tokenizer="t", source="text", vocab=300, train_bytes=40, validation_bytes=9)
TEXTS = [SOURCE, "Größe, 東京, naïve, 😀 zero‑width\u200b and\u00a0no-break", "ab\tcd\r\n  x"]
VOCABS = {"bpe": 400, "byte": 257, "character": 320, "word": 500}
HARD = "<|bos|> it's  we'll\n\n\n   x\t\u0085\u3000\x1c\x00 '''s ²½ǅ \u0301é 👩‍👩‍👧 end   "


def write_jsonl(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def texts_of(corpus: Corpus) -> set[str]:
    return {document.text for document in corpus.documents}


def write(root: Path, draft: Manifest = DRAFT) -> Shards:
    """A dataset of 20 training and 3 validation tokens."""
    train = [np.arange(10), np.arange(290, 300)]
    return write_shards(root, draft, train, [[1, 2, 3]], {"tokenizer.json": b"{}"})

"""What the tests of `tokenizer` share."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import ROOT
from tokenizer.corpus import Corpus

SOURCE = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tokenizer").glob("*.py")))
TEXTS = [SOURCE, "Größe, 東京, naïve, 😀 zero‑width\u200b and\u00a0no-break", "ab\tcd\r\n  x"]
VOCABS = {"bpe": 400, "byte": 257, "character": 320, "word": 500}
HARD = "<|bos|> it's  we'll\n\n\n   x\t\u0085\u3000\x1c\x00 '''s ²½ǅ \u0301é 👩‍👩‍👧 end   "


def write_jsonl(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def texts_of(corpus: Corpus) -> set[str]:
    return {document.text for document in corpus.documents}

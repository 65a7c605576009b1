"""The benchmark of encoders prints a row for each library, none of which differs."""

from __future__ import annotations

import pytest

from benchmarks.encode import main


def test_every_library_has_a_row(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import encode
    from tests.unit.tokenizer.tokenizer_data import TEXTS
    from tokenizer.corpus import Corpus, Document

    corpus = Corpus(tuple(Document(text, "") for text in TEXTS), 0, 0)
    monkeypatch.setattr(encode, "read_documents", lambda spec: corpus)
    main(["--vocab", "300", "--rounds", "1"])
    title, _, _, *rows = capsys.readouterr().out.splitlines()
    assert "bpe-300" in title
    assert [row.split(" | ")[0] for row in rows][:2] == ["| tokenizers", "| tiktoken"]
    assert all(row.endswith("| 0 |") for row in rows)

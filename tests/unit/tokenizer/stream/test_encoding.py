"""Ids of a bucket: each side's documents behind their separators, validation up to its last document."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.tokenizer.stream.stream_data import write_corpus
from tokenizer.corpus import source_files
from tokenizer.progress import silent
from tokenizer.stream.cleaned import Cleaned
from tokenizer.stream.cleaning import clean
from tokenizer.stream.encoding import encode_bucket, ids_file
from tokenizer.stream.pool import Pool
from tokenizer.vocabulary import PieceTokenizer


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> Cleaned:
    folder = tmp_path_factory.mktemp("encoding")
    spec = write_corpus(folder / "texts", near_duplicates=0)
    made = clean(spec, *source_files(spec), folder / "work", Pool(folder / "work", 1), silent)
    (folder / "work/t.json").write_text(PieceTokenizer("byte", []).to_json())
    return made


def test_the_ids_of_a_side_are_its_texts(cleaned: Cleaned) -> None:
    (bucket,) = cleaned.buckets
    last = [document.digest for document in cleaned.stored("validation")][3].hex()
    for ends, count in (("", cleaned.sides["validation"].documents), (last, 4)):
        parts = [cleaned.parts["train"], replace(cleaned.parts["validation"], until=ends)]
        sizes = encode_bucket(cleaned.folder, cleaned.runs, bucket, parts, 0.2, "t.json", "isoflop")
        ids = [np.fromfile(ids_file(cleaned.folder, bucket, part.name, "t.json"), "<u2") for part in parts]
        assert sizes == [2 * len(side) for side in ids]
        assert [int((side == 0).sum()) for side in ids] == [cleaned.sides["train"].documents, count]
    texts = bytes((ids[0][ids[0] > 0] - 1).astype(np.uint8)).decode()
    assert texts == "".join(cleaned.texts("train"))

"""The last step: the token ids of a bucket's training and validation documents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from tokenizer.encode import Encoder, encode_documents, encoder_named
from tokenizer.loading import load_tokenizer
from tokenizer.shards import id_dtype
from tokenizer.stream.index import Bucket, Index, documents_of, read_index
from tokenizer.stream.parts import Part
from tokenizer.stream.whole import whole_file
from tokenizer.vocabulary import Tokenizer

KEPT = "kept"
"""Ending of the index of what stays of a bucket."""


@lru_cache(maxsize=2)
def _loaded(path: Path, encoder: str) -> tuple[Tokenizer, Encoder]:
    """A tokenizer and what encodes with it, once for a process."""
    tokenizer = load_tokenizer(path)
    return tokenizer, encoder_named(tokenizer, encoder)


def encode_bucket(
    folder: Path, runs: list[str], bucket: Bucket, parts: Sequence[Part], fraction: float, tokenizer: str, encoder: str
) -> list[int]:
    """Write the ids of a bucket's documents; returns the bytes that were written for each part.

    Args:
        folder: where the files are.
        runs: names of all runs.
        bucket: the range of digests.
        parts: the parts of the corpus, each in a file of its own.
        fraction: share held out for validation.
        tokenizer: name of the tokenizer's file in the folder.
        encoder: name of the library that encodes.
    """
    made, quick = _loaded(folder / tokenizer, encoder)
    dtype = np.dtype(id_dtype(made.vocab_size)).newbyteorder("<")
    index = read_index(folder, bucket, KEPT)
    written = []
    for part in parts:
        rows = part.of(index, fraction)

        def texts(rows: Index = rows, last: bytes = bytes.fromhex(part.until)) -> Iterator[str]:
            for document in documents_of(folder, runs, bucket, rows):
                if last and document.digest > last:
                    return
                yield document.raw.decode()

        size = 0
        with whole_file(ids_file(folder, bucket, part.name, tokenizer)) as stream:
            for ids in encode_documents(quick, texts(), made.bos_id, dtype):
                size += stream.write(ids.astype(dtype, copy=False).tobytes())
        written.append(size)
    return written


def ids_file(folder: Path, bucket: Bucket, part: str, tokenizer: str) -> Path:
    """Where the ids of a part of a bucket lie."""
    short = hashlib.sha256(tokenizer.encode()).hexdigest()[:8]
    return folder / f"{bucket.name}.{short}.{part}.ids"

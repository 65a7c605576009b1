"""From a cleaned corpus to a dataset: train the tokenizer if none is given, encode every bucket, write the shards."""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tokenizer.corpus_error import CorpusError
from tokenizer.corpus_spec import CorpusSpec
from tokenizer.progress import Report, Stage
from tokenizer.readers import HOW_TEXT_IS_CUT
from tokenizer.shard_writer import write_shards
from tokenizer.shards import SPLITS, Manifest, Shards, id_dtype
from tokenizer.stream.cleaned import Cleaned
from tokenizer.stream.pool import Executor
from tokenizer.stream.whole import whole_file
from tokenizer.vocabulary import Tokenizer, TokenizerSpec

TOKENIZER_FILE = "tokenizer.json"
"""Name of the tokenizer's file in a dataset's folder."""


@dataclass(frozen=True)
class Wanted:
    """What a dataset is made of."""

    corpus: CorpusSpec
    """Where the documents come from."""
    tokenizer: TokenizerSpec
    """Which tokenizer is trained on them."""
    given: Tokenizer | None
    """The tokenizer that the user brings instead."""
    scored_bytes: int
    """Most UTF-8 bytes of validation text, all of which is scored; 0 for no limit, and a beginning."""


def build(wanted: Wanted, cleaned: Cleaned, root: Path, pool: Executor, report: Report) -> Shards:
    """Train the tokenizer, encode and write. Raises CorpusError, TokenizerError, ShardError, OSError."""
    from tokenizer.encode import choose_encoder
    from tokenizer.training import train_tokenizer

    check_split(wanted.corpus, cleaned)
    validation, last = cleaned.sides["validation"], ""
    if wanted.scored_bytes:
        validation, last = cleaned.ends_of_validation(wanted.scored_bytes)
    started = time.perf_counter()
    tokenizer = wanted.given or train_tokenizer(wanted.tokenizer, cleaned.texts("train"), report)
    report(f"tokenizer: {tokenizer.name}, hash {tokenizer.hash[:16]} ({time.perf_counter() - started:.1f} s)")
    started = time.perf_counter()
    encoder = choose_encoder(tokenizer, cleaned.texts("train"))
    train = cleaned.sides["train"]
    draft = Manifest(
        corpus=cleaned.content_hash,
        tokenizer=tokenizer.hash,
        source=wanted.corpus.source,
        vocab=tokenizer.vocab_size,
        train_bytes=train.bytes,
        validation_bytes=validation.bytes,
        train_documents=train.documents,
        validation_documents=validation.documents,
        created_with=_versions(),
        encoder={"name": encoder.name, "parity": encoder.parity},
        scored_bytes=validation.bytes if wanted.scored_bytes else 0,
        cleaning=cleaned.facts_json,
    )
    _encode(cleaned, tokenizer, encoder.name, last, pool, Stage("encoding buckets", report))
    ids = [_ids(cleaned, split, tokenizer) for split in SPLITS]
    shards = write_shards(root, draft, ids[0], ids[1], {TOKENIZER_FILE: tokenizer.to_json().encode()})
    made = shards.manifest
    report(f"encoder: {encoder.name}, {encoder.parity}")
    report(
        f"dataset {made.dataset}: {made.train_tokens:,} training and {made.validation_tokens:,} validation tokens "
        f"({time.perf_counter() - started:.1f} s)"
    )
    return shards


def _encode(cleaned: Cleaned, tokenizer: Tokenizer, encoder: str, last: str, pool: Executor, stage: Stage) -> None:
    """Write the ids of every bucket."""
    name = _file_of(tokenizer)
    with whole_file(cleaned.folder / name) as stream:
        stream.write(tokenizer.to_json().encode())
    settings = {"fraction": cleaned.fraction, "tokenizer": name, "encoder": encoder, "last": last}
    tasks = [json.dumps({"bucket": [bucket.first, bucket.last]} | settings) for bucket in cleaned.buckets]
    for _ in pool.results("encode", tasks, stage):
        pass


def _ids(cleaned: Cleaned, split: str, tokenizer: Tokenizer) -> Iterator[npt.NDArray[np.unsignedinteger]]:
    """The ids of a split, bucket by bucket."""
    from tokenizer.stream.encoding import ids_file

    dtype = np.dtype(id_dtype(tokenizer.vocab_size)).newbyteorder("<")
    for bucket in cleaned.buckets:
        yield np.fromfile(ids_file(cleaned.folder, bucket, split, _file_of(tokenizer)), dtype)


def _file_of(tokenizer: Tokenizer) -> str:
    """Name of a tokenizer's file beside the cleaned corpus."""
    return f"tokenizer-{tokenizer.hash[:16]}.json"


def check_split(spec: CorpusSpec, cleaned: Cleaned) -> None:
    """Raise CorpusError where a split is empty, with a fraction that fills both."""
    if all(side.documents for side in cleaned.sides.values()):
        return
    left_out = cleaned.left_out
    more = f"; corpus.max_bytes of {spec.max_bytes} left out {left_out:,}: raise it" if left_out else ""
    if cleaned.documents == 1:
        raise CorpusError(
            "corpus: one document cannot be split into training and validation: give more documents"
            + (f" ({HOW_TEXT_IS_CUT})" if spec.source == "text" else "")
            + more
        )
    name = "training" if cleaned.sides["validation"].documents else "validation"
    raise CorpusError(
        f"corpus: all {cleaned.documents} documents fall into the "
        f"{'validation' if name == 'training' else 'training'} split and none into the {name} split at "
        f"corpus.validation_fraction {spec.validation_fraction}: give more documents, or set it to "
        f"{_between(cleaned.lowest, cleaned.highest)}{more}"
    )


def _between(low: float, high: float) -> str:
    """The shortest decimal number above `low` that is not above `high`; both lie in [0, 1)."""
    for digits in range(1, 18):
        number = (math.floor(low * 10**digits) + 1) / 10**digits
        if low < number <= high:
            return f"{number:.{digits}f}"
    return repr(high)


def _versions() -> dict[str, str]:
    """Versions of what makes a dataset, by name."""
    return {"python": platform.python_version()} | {name: version(name) for name in ("numpy", "tokenizers", "tiktoken")}

"""From a cleaned corpus to a dataset: train the tokenizer if none is given, encode every bucket, write the shards."""

from __future__ import annotations

import hashlib
import json
import math
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenizer.corpus_error import CorpusError
from tokenizer.corpus_spec import CorpusSpec
from tokenizer.domain_spec import shares
from tokenizer.progress import Report, Stage
from tokenizer.readers import HOW_TEXT_IS_CUT
from tokenizer.shard_writer import write_shards
from tokenizer.shards import SPLITS, Manifest, Shards, id_dtype
from tokenizer.stream.cleaned import Cleaned, Side
from tokenizer.stream.encoding import KEPT, ids_file
from tokenizer.stream.index import read_index
from tokenizer.stream.parts import DOMAIN, SET, Part
from tokenizer.stream.pool import Pool
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


def build(wanted: Wanted, cleaned: Cleaned, root: Path, pool: Pool, report: Report) -> Shards:
    """Train the tokenizer, encode and write. Raises CorpusError, TokenizerError, ShardError, OSError."""
    from tokenizer.encode import choose_encoder
    from tokenizer.training import train_tokenizer

    check_split(wanted.corpus, cleaned)
    parts = [_part(cleaned, name, wanted.scored_bytes) for name in cleaned.files]
    started = time.perf_counter()
    tokenizer = wanted.given or train_tokenizer(wanted.tokenizer, cleaned.texts("train"), report)
    report(f"tokenizer: {tokenizer.name}, hash {tokenizer.hash[:16]} ({time.perf_counter() - started:.1f} s)")
    started = time.perf_counter()
    encoder = choose_encoder(tokenizer, cleaned.texts("train"))
    _encode(cleaned, tokenizer, encoder.name, [part for part, _ in parts], pool, Stage("encoding buckets", report))
    train, validation = cleaned.sides["train"], next(side for part, side in parts if part.name == "validation")
    further = {part.name.removeprefix(SET): (part, side) for part, side in parts if part.name.startswith(SET)}
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
        domains={
            name: {"weight": weight} | _facts_json(cleaned, DOMAIN + name, cleaned.sides[DOMAIN + name], tokenizer)
            for name, weight in shares(wanted.corpus.mix).items()
        },
        sets={
            name: _facts_json(cleaned, part.name, side, tokenizer)
            | {"scored_bytes": side.bytes if wanted.scored_bytes else 0, "text": _text_of(cleaned, part)}
            for name, (part, side) in further.items()
        },
    )
    trained = [DOMAIN + name for name in draft.domains] or ["train"]
    ids = chain.from_iterable(_ids(cleaned, name, tokenizer) for name in trained)
    sets = {name: _ids(cleaned, part.name, tokenizer) for name, (part, _) in further.items()}
    extra = {TOKENIZER_FILE: tokenizer.to_json().encode()}
    shards = write_shards(root, draft, ids, _ids(cleaned, "validation", tokenizer), extra, sets)
    made = shards.manifest
    report(f"encoder: {encoder.name}, {encoder.parity}")
    report(
        f"dataset {made.dataset}: {made.train_tokens:,} training and {made.validation_tokens:,} validation tokens "
        f"({time.perf_counter() - started:.1f} s)"
    )
    return shards


def _part(cleaned: Cleaned, name: str, scored_bytes: int) -> tuple[Part, Side]:
    """A part as it is encoded, and what of it: of validation text a beginning, where all of it is to be scored."""
    part = cleaned.parts[name]
    if not scored_bytes or name.startswith("train"):
        return part, cleaned.sides[name]
    side, last = cleaned.first_bytes(name, scored_bytes)
    return replace(part, until=last), side


def _facts_json(cleaned: Cleaned, name: str, side: Side, tokenizer: Tokenizer) -> dict[str, Any]:
    """A part in a manifest."""
    files = (ids_file(cleaned.folder, bucket, name, _file_of(tokenizer)) for bucket in cleaned.buckets)
    size = np.dtype(id_dtype(tokenizer.vocab_size)).itemsize
    tokens = sum(file.stat().st_size for file in files) // size
    return {"documents": side.documents, "bytes": side.bytes, "tokens": tokens}


def _text_of(cleaned: Cleaned, part: Part) -> str:
    """The identity of the documents of a part, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for bucket in cleaned.buckets:
        index = part.of(read_index(cleaned.folder, bucket, KEPT), cleaned.fraction)
        for row in index["digest"]:
            if not part.until or row.tobytes() <= bytes.fromhex(part.until):
                digest.update(row.tobytes())
    return digest.hexdigest()[:16]


def _encode(
    cleaned: Cleaned, tokenizer: Tokenizer, encoder: str, parts: Sequence[Part], pool: Pool, stage: Stage
) -> None:
    """Write the ids of every bucket."""
    name = _file_of(tokenizer)
    with whole_file(cleaned.folder / name) as stream:
        stream.write(tokenizer.to_json().encode())
    settings = {"fraction": cleaned.fraction, "tokenizer": name, "encoder": encoder}
    settings |= {"parts": [asdict(part) for part in parts]}
    tasks = [json.dumps({"bucket": [bucket.first, bucket.last]} | settings) for bucket in cleaned.buckets]
    for _ in pool.results("encode", tasks, stage):
        pass


def _ids(cleaned: Cleaned, part: str, tokenizer: Tokenizer) -> Iterator[npt.NDArray[np.unsignedinteger]]:
    """The ids of a part, bucket by bucket."""
    dtype = np.dtype(id_dtype(tokenizer.vocab_size)).newbyteorder("<")
    for bucket in cleaned.buckets:
        yield np.fromfile(ids_file(cleaned.folder, bucket, part, _file_of(tokenizer)), dtype)


def _file_of(tokenizer: Tokenizer) -> str:
    """Name of a tokenizer's file beside the cleaned corpus."""
    return f"tokenizer-{tokenizer.hash[:16]}.json"


def check_split(spec: CorpusSpec, cleaned: Cleaned) -> None:
    """Raise CorpusError where a split is empty, with a fraction that fills both, and where a part of it is."""
    if all(side.documents for side in cleaned.sides.values()):
        return
    if all(cleaned.sides[split].documents for split in SPLITS):
        raise CorpusError(_empty_part(cleaned))
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


def _empty_part(cleaned: Cleaned) -> str:
    """The message for a domain without training or validation documents, or a validation set without any."""
    empty = next(name for name, side in cleaned.sides.items() if not side.documents)
    kind, _, name = empty.partition("-")
    if name not in cleaned.domains:
        return f"corpus.validation.{name}: no document of it stays: give a file with text that no other set has"
    held = "training" if kind == "train" else "validation"
    return (
        f"corpus.mix: no {held} document of domain {name} stays: give it more documents, or change "
        "corpus.validation_fraction"
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

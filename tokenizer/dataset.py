"""From a corpus to an open dataset: read, split, train the tokenizer, encode, write; results are reused by hash."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import itertools
import json
import math
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tokenizer.corpus import Corpus, CorpusError, CorpusSpec, Document, read_documents, source_files
from tokenizer.files import Reach
from tokenizer.loading import load_given
from tokenizer.private import make_private
from tokenizer.progress import Report, Stage, silent
from tokenizer.readers import HOW_TEXT_IS_CUT
from tokenizer.shard_writer import write_shards
from tokenizer.shards import UNFINISHED, Manifest, ShardError, Shards, id_dtype, open_shards
from tokenizer.training import training_text_bytes
from tokenizer.vocabulary import FILE, Tokenizer, TokenizerSpec

PREPARATION = 2
"""Raised whenever equal documents and specs give another dataset, so that old ones are not reused."""
TOKENIZER_FILE = "tokenizer.json"
"""Name of the tokenizer's file in a dataset's folder."""
COMPARED_BYTES = 600_000
"""UTF-8 bytes of validation text on which tokenizers are compared: 150,000 tokens or more at four bytes or fewer."""
_INDEX = "index"
"""Folder that remembers which dataset an earlier call gave, by a hash of what was asked for."""

Read = Callable[[CorpusSpec, Report, Reach | None], Corpus]
"""Reads a corpus: `read_documents`, or what remembers the documents for several tokenizers."""


def prepare(
    corpus: CorpusSpec,
    tokenizer: TokenizerSpec,
    root: Path,
    report: Report = silent,
    within: Reach | None = None,
    *,
    scored_bytes: int = 0,
    read: Read = read_documents,
) -> Shards:
    """The dataset of a corpus and a tokenizer, in root/<dataset>; made if it does not exist.

    A dataset is reused when the files that the corpus is read from have the paths, sizes and times of an earlier call,
    and otherwise when the documents have the same content. Its files are verified against their hashes each time, and a
    damaged dataset is made again. Processes that prepare in the same root wait for each other; one that dies leaves
    nothing that could be taken for a dataset.

    Args:
        corpus: where the documents come from.
        tokenizer: which tokenizer is trained on them, or which file holds one.
        root: folder of datasets.
        report: receives a line per stage, and some while a stage takes long.
        within: where files may be named; None for everywhere.
        scored_bytes: keep only so much of the validation text, in whole documents, and score every run on all of it,
            so that tokenizers are compared on the same text; 0 for all of it, of which runs are scored on a beginning.
        read: reads the corpus.

    Raises:
        CorpusError, TokenizerError, ShardError.
    """
    job = _Job(corpus, tokenizer, _given(tokenizer, within), scored_bytes)
    request = _hash(PREPARATION, training_text_bytes(tokenizer), dataclasses.asdict(corpus), *job.identity)
    shortcut = _hash(request, _fingerprint(corpus, within))
    known = _recall(root, shortcut)
    if known is not None:
        report(f"dataset {known.manifest.dataset}: reused")
        return known
    with _exclusively(root, report):
        shards = _recall(root, shortcut) or _read_and_build(job, root, report, within, read)
        if _hash(request, _fingerprint(corpus, within)) == shortcut:
            _remember(root, shortcut, shards)
    return shards


@dataclass(frozen=True)
class _Job:
    """What a dataset is made of."""

    corpus: CorpusSpec
    """Where the documents come from."""
    tokenizer: TokenizerSpec
    """Which tokenizer is trained on them."""
    given: Tokenizer | None
    """The tokenizer that the user brings instead."""
    scored_bytes: int
    """Most UTF-8 bytes of validation text, all of which is scored; 0 for no limit, and a beginning."""

    @property
    def identity(self) -> tuple[object, ...]:
        """What names the tokenizer and the extent of the validation text, JSON-ready: a file by its content alone."""
        own = ("path", "separator", "pattern")
        asked = {key: value for key, value in dataclasses.asdict(self.tokenizer).items() if key not in own}
        if self.given is not None:
            asked = {"kind": FILE, "hash": self.given.hash}
        return (asked, self.scored_bytes) if self.scored_bytes else (asked,)


def _given(spec: TokenizerSpec, within: Reach | None) -> Tokenizer | None:
    """The tokenizer of the user's file; None where one is to be trained. Raises TokenizerError."""
    return load_given(spec, within) if spec.kind == FILE else None


def _read_and_build(job: _Job, root: Path, report: Report, within: Reach | None, read: Read) -> Shards:
    """Read the corpus; reuse the dataset of these documents, or build it."""
    started = time.perf_counter()
    corpus = read(job.corpus, report, within)
    for note in corpus.notes:
        report(f"corpus: {note}")
    report(
        f"corpus: {len(corpus.documents):,} documents, {corpus.bytes / 1e6:.1f} MB; {corpus.duplicates:,} duplicates "
        f"removed, {corpus.left_out:,} beyond corpus.max_bytes ({time.perf_counter() - started:.1f} s)"
    )
    content = _hash(
        PREPARATION,
        training_text_bytes(job.tokenizer),
        corpus.content_hash,
        job.corpus.validation_fraction,
        *job.identity,
    )
    shards = _recall(root, content)
    if shards is None:
        shards = _build(job, corpus, root, report)
        _remember(root, content, shards)
    return shards


def _build(job: _Job, corpus: Corpus, root: Path, report: Report) -> Shards:
    """Split, train the tokenizer if none is given, encode and write."""
    from tokenizer.encode import choose_encoder, encode_documents
    from tokenizer.training import train_tokenizer

    train, validation = _split(job.corpus, corpus)
    if job.scored_bytes:
        validation = _first_bytes(validation, job.scored_bytes)
    started = time.perf_counter()
    tokenizer = job.given or train_tokenizer(job.tokenizer, (document.text for document in train), report)
    report(f"tokenizer: {tokenizer.name}, hash {tokenizer.hash[:16]} ({time.perf_counter() - started:.1f} s)")
    started = time.perf_counter()
    encoder = choose_encoder(tokenizer, (document.text for document in train))
    draft = Manifest(
        corpus=corpus.content_hash,
        tokenizer=tokenizer.hash,
        source=job.corpus.source,
        vocab=tokenizer.vocab_size,
        train_bytes=_bytes(train),
        validation_bytes=_bytes(validation),
        train_documents=len(train),
        validation_documents=len(validation),
        created_with=_versions(),
        encoder={"name": encoder.name, "parity": encoder.parity},
        scored_bytes=_bytes(validation) if job.scored_bytes else 0,
    )
    dtype = id_dtype(tokenizer.vocab_size)
    stage = Stage("encoding", report)
    encoded = [
        encode_documents(encoder, stage.counting(document.text for document in side), tokenizer.bos_id, dtype)
        for side in (train, validation)
    ]
    shards = write_shards(root, draft, encoded[0], encoded[1], {TOKENIZER_FILE: tokenizer.to_json().encode()})
    made = shards.manifest
    report(f"encoder: {encoder.name}, {encoder.parity}")
    report(
        f"dataset {made.dataset}: {made.train_tokens:,} training and {made.validation_tokens:,} validation tokens "
        f"({time.perf_counter() - started:.1f} s)"
    )
    return shards


def _split(spec: CorpusSpec, corpus: Corpus) -> tuple[Sequence[Document], Sequence[Document]]:
    """(train, validation). Raises CorpusError where one of them is empty, with a fraction that fills both."""
    train, validation = corpus.split(spec.validation_fraction)
    if train and validation:
        return train, validation
    more = f"; corpus.max_bytes of {spec.max_bytes} left out {corpus.left_out:,}: raise it" if corpus.left_out else ""
    if len(corpus.documents) == 1:
        raise CorpusError(
            "corpus: one document cannot be split into training and validation: give more documents"
            + (f" ({HOW_TEXT_IS_CUT})" if spec.source == "text" else "")
            + more
        )
    name = "training" if validation else "validation"
    lowest, highest = corpus.positions[0], corpus.positions[-1]
    raise CorpusError(
        f"corpus: all {len(corpus.documents)} documents fall into the {'validation' if validation else 'training'} "
        f"split and none into the {name} split at corpus.validation_fraction {spec.validation_fraction}: give more "
        f"documents, or set it to {_between(lowest, highest)}{more}"
    )


def _first_bytes(documents: Sequence[Document], limit: int) -> Sequence[Document]:
    """The first documents, whole, up to a number of UTF-8 bytes; one in any case."""
    ends = itertools.accumulate(document.bytes for document in documents)
    return documents[: max(1, sum(end <= limit for end in ends))]


def _between(low: float, high: float) -> str:
    """The shortest decimal number above `low` that is not above `high`; both lie in [0, 1)."""
    for digits in range(1, 18):
        number = (math.floor(low * 10**digits) + 1) / 10**digits
        if low < number <= high:
            return f"{number:.{digits}f}"
    return repr(high)


def _bytes(documents: Sequence[Document]) -> int:
    """UTF-8 bytes of documents."""
    return sum(document.bytes for document in documents)


def _versions() -> dict[str, str]:
    """Versions of what makes a dataset, by name."""
    return {"python": platform.python_version()} | {name: version(name) for name in ("numpy", "tokenizers", "tiktoken")}


def _hash(*parts: object) -> str:
    """The first 32 hexadecimal digits of the SHA-256 of JSON-ready parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _fingerprint(spec: CorpusSpec, within: Reach | None) -> str:
    """Hash of the path, size and modification time of every source file: a shortcut, never an identity."""
    files, notes = source_files(spec, within)
    digest = hashlib.sha256(repr(notes).encode())
    for path, _ in sorted(files):
        with contextlib.suppress(OSError):
            status = path.stat()
            digest.update(f"{path.absolute()}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _recall(root: Path, key: str) -> Shards | None:
    """The dataset remembered under a key if it is intact."""
    try:
        dataset = (root / _INDEX / key).read_text()
        return open_shards(root / dataset) if dataset else None
    except (FileNotFoundError, ShardError):
        return None


def _remember(root: Path, key: str, shards: Shards) -> None:
    """Remember a dataset under a key."""
    index = root / _INDEX
    make_private(index)
    unfinished = index / f"{UNFINISHED}{os.getpid()}"
    unfinished.write_text(shards.manifest.dataset)
    unfinished.replace(index / key)


@contextlib.contextmanager
def _exclusively(root: Path, report: Report) -> Iterator[None]:
    """A context that holds the root's lock, which the system frees when its holder dies; removes what that one left."""
    make_private(root)
    with (root / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"waiting for another process that prepares a corpus in {root}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        for left in root.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield

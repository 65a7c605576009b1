"""From a corpus to an open dataset: cleaned, split, encoded, written; results are reused by hash."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tokenizer.building import Wanted, build
from tokenizer.corpus import clean_corpus, count_of, counted, pool_for, source_files
from tokenizer.corpus_error import CorpusError
from tokenizer.corpus_spec import CorpusSpec, told_json
from tokenizer.domain_spec import shares
from tokenizer.files import Reach
from tokenizer.loading import load_given
from tokenizer.private import make_private
from tokenizer.progress import Report, silent
from tokenizer.readings import cleaning_json, reading_json
from tokenizer.shards import UNFINISHED, Manifest, ShardError, Shards, open_shards
from tokenizer.stream.cleaned import Cleaned
from tokenizer.stream.index import BUCKET_BYTES
from tokenizer.stream.inherited import inherit
from tokenizer.stream.parts import SET
from tokenizer.stream.pool import Executor
from tokenizer.stream.portions import PORTION_BYTES, File
from tokenizer.stream.reading import RUN_BYTES
from tokenizer.training import training_text_bytes
from tokenizer.turns import turn
from tokenizer.vocabulary import FILE, Tokenizer, TokenizerError, TokenizerSpec

PREPARATION = 2
"""Raised whenever equal documents and specs give another dataset, so that old ones are not reused."""
COMPARED_BYTES = 600_000
"""UTF-8 bytes of validation text on which tokenizers are compared: 150,000 tokens or more at four bytes or fewer."""
NEARNESS = 2
"""Raised whenever other documents count as near duplicates."""
CLEANING = "cleaning-"
"""Prefix of the folder of a corpus that is being prepared; a kill leaves it, and the next preparation goes on there."""
LOCK = "lock"
"""File that a preparation holds, in the folder of datasets."""
_INDEX = "index"
"""Folder that remembers which dataset an earlier call gave, by a hash of what was asked for."""
Choose = Callable[[Sequence[File], Path], Executor]
"""Gives what does the tasks of some files in a folder."""


def prepare(
    corpus: CorpusSpec,
    tokenizer: TokenizerSpec,
    root: Path,
    report: Report = silent,
    within: Reach | None = None,
    *,
    scored_bytes: int = 0,
    keep: bool = False,
    choose: Choose | None = None,
) -> Shards:
    """The dataset of a corpus and a tokenizer, in root/<dataset>; made if it does not exist.

    A dataset is reused when the files that the corpus is read from have the paths, sizes and times of an earlier call,
    and otherwise when the documents have the same content. Its files are verified against their hashes each time, and a
    damaged dataset is made again. Processes that prepare in the same root wait for each other; one that dies leaves
    nothing that could be taken for a dataset, and the next goes on where it was. Memory holds a part of the corpus.

    Args:
        corpus: where the documents come from.
        tokenizer: which tokenizer is trained on them, or which file holds one.
        root: folder of datasets.
        report: receives a line per stage, and some while a stage takes long.
        within: where files may be named; None for everywhere.
        scored_bytes: keep only so much of the validation text, in whole documents, and score every run on all of it,
            so that tokenizers are compared on the same text; 0 for all of it, of which runs are scored on a beginning.
        keep: keep the cleaned corpus for the next call, with another tokenizer, cap or threshold of near
            duplicates; `drop_cleaned` deletes it.
        choose: gives what cleans and encodes; None for this machine's cores.

    Raises:
        CorpusError, TokenizerError, ShardError.
    """
    wanted = Wanted(corpus, tokenizer, _given(tokenizer, within), scored_bytes)
    files, notes = source_files(corpus, within)
    asked = told_json(dataclasses.asdict(corpus))
    request = _hash(PREPARATION, training_text_bytes(tokenizer), asked, *_identity(wanted), *_nearness(corpus))
    shortcut = _hash(request, _fingerprint(files, notes))
    known = _recall(root, shortcut)
    if known is not None:
        report(f"dataset {known.manifest.dataset}: reused")
        _tell_mix(corpus, known, report)
        return known
    with _exclusively(root, report):
        shards = _recall(root, shortcut) or _clean_and_build(wanted, files, notes, root, report, choose, keep=keep)
        _tell_mix(corpus, shards, report)
        if _hash(request, _fingerprint(*source_files(corpus, within))) == shortcut:
            _remember(root, shortcut, shards)
    return shards


def drop_cleaned(root: Path) -> None:
    """Delete the cleaned corpora that `prepare` kept in a folder of datasets, unless another process prepares there."""
    with (root / LOCK).open("a") as handle, contextlib.suppress(BlockingIOError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for folder in root.glob(f"{CLEANING}*"):
            shutil.rmtree(folder, ignore_errors=True)


def _identity(wanted: Wanted) -> tuple[object, ...]:
    """What names the tokenizer and the extent of the validation text, JSON-ready: a file by its content alone."""
    own = ("path", "separator", "pattern")
    asked = {key: value for key, value in dataclasses.asdict(wanted.tokenizer).items() if key not in own}
    if wanted.given is not None:
        asked = {"kind": FILE, "hash": wanted.given.hash}
    return (asked, wanted.scored_bytes) if wanted.scored_bytes else (asked,)


def _nearness(corpus: CorpusSpec) -> tuple[object, ...]:
    """What tells a corpus without near duplicates from one of an earlier release."""
    return (NEARNESS,) if corpus.near_duplicates else ()


def _given(spec: TokenizerSpec, within: Reach | None) -> Tokenizer | None:
    """The tokenizer of the user's file; None where one is to be trained. Raises TokenizerError."""
    return load_given(spec, within) if spec.kind == FILE else None


def _clean_and_build(
    wanted: Wanted,
    files: Sequence[File],
    notes: tuple[str, ...],
    root: Path,
    report: Report,
    choose: Choose | None,
    *,
    keep: bool,
) -> Shards:
    """Clean the corpus; reuse the dataset of what stays, or build it. Goes on where a killed process was.

    What was read for another cleaning of the same files is not read again.
    """
    asked = [cleaning_json(wanted.corpus), *_nearness(wanted.corpus)]
    sizes = (PORTION_BYTES, RUN_BYTES, BUCKET_BYTES)
    read = _hash(PREPARATION, reading_json(wanted.corpus), sizes, _fingerprint(files, notes))[:16]
    folder = root / f"{CLEANING}{read}-{_hash(asked)[:16]}"
    others = set(root.glob(f"{CLEANING}*")) - {folder}
    with contextlib.suppress(OSError):
        inherit(folder, sorted(other for other in others if other.name.startswith(f"{CLEANING}{read}-")))
    for other in others:
        shutil.rmtree(other, ignore_errors=True)
    try:
        with (choose or pool_for)(files, folder) as pool:
            shards = _in_folder(wanted, files, notes, folder, pool, report)
    except (CorpusError, TokenizerError, ShardError):
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    return shards


def _in_folder(
    wanted: Wanted, files: Sequence[File], notes: tuple[str, ...], folder: Path, pool: Executor, report: Report
) -> Shards:
    """`_clean_and_build` in a folder for what is between."""
    started = time.perf_counter()
    cleaned = clean_corpus(wanted.corpus, files, notes, folder, pool, report)
    for line in _told(cleaned):
        report(f"corpus: {line} ({time.perf_counter() - started:.1f} s)")
    content = _hash(
        PREPARATION,
        training_text_bytes(wanted.tokenizer),
        cleaned.content_hash,
        wanted.corpus.validation_fraction,
        *_identity(wanted),
        *([shares(wanted.corpus.mix)] if wanted.corpus.mix else []),
    )
    shards = _recall(folder.parent, content)
    if shards is None:
        shards = build(wanted, cleaned, folder.parent, pool, report)
        _remember(folder.parent, content, shards)
    return shards


def _told(cleaned: Cleaned) -> Iterator[str]:
    """What was read, left out and kept, in lines."""
    yield from cleaned.notes
    if cleaned.read.invalid:
        yield f"skipped {counted(cleaned.read.invalid)}"
    if cleaned.read.thrown:
        yield f"thrown away by rules: {counted(cleaned.read.thrown)}"
    leaks = f" ({cleaned.leaks:,} leaks into validation)"
    removed = f"{cleaned.duplicates:,} duplicates"
    if cleaned.near_duplicates:
        removed = f"{cleaned.near_duplicates:,} near duplicates{leaks} and {removed}"
    elif cleaned.leaks:
        removed += leaks
    yield (
        f"{cleaned.documents:,} documents, {cleaned.bytes / 1e6:.1f} MB; {removed} removed, "
        f"{cleaned.left_out:,} beyond corpus.max_bytes"
    )
    for name in cleaned.sets:
        side = cleaned.sides[SET + name]
        yield f"validation set {name}: {count_of(side.documents, 'document')}, {side.bytes / 1e6:.2f} MB"


def _tell_mix(corpus: CorpusSpec, shards: Shards, report: Report) -> None:
    """Report the domains of a dataset with their shares, and which one begins again first."""
    for line in _told_mix(corpus, shards.manifest):
        report(f"corpus: {line}")


def _told_mix(corpus: CorpusSpec, made: Manifest) -> Iterator[str]:
    """`_tell_mix` in lines."""
    total = sum(domain.weight for domain in corpus.mix)
    for name, facts in made.domains.items():
        size = facts["tokens"] / made.train_tokens
        yield f"domain {name}: {facts['tokens']:,} training tokens, {facts['weight']:.1%} by weight, {size:.1%} by size"
    if made.domains and not math.isclose(total, 1):
        yield f"the weights of corpus.mix sum to {total:g} and are taken as shares of that"
    if made.domains:
        first = min(made.domains, key=lambda name: made.domains[name]["tokens"] / made.domains[name]["weight"])
        yield f"a run of more than {made.unique_tokens:,} tokens reads domain {first} again"


def _hash(*parts: object) -> str:
    """The first 32 hexadecimal digits of the SHA-256 of JSON-ready parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _fingerprint(files: Sequence[File], notes: tuple[str, ...]) -> str:
    """Hash of the path, size and modification time of every source file: a shortcut, never an identity."""
    digest = hashlib.sha256(repr(notes).encode())
    for file in sorted(files, key=lambda file: str(file.location)):
        digest.update(file.state.encode(errors="surrogateescape"))
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
    """A context that holds the root's lock; removes what a holder that was killed left. Raises TurnError."""
    make_private(root)
    with turn(root / LOCK, f"prepares a corpus in {root}", report):
        for left in root.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield

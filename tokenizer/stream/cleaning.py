"""Cleans a corpus in a folder: read, index, pair, keep; what an earlier process did there is not done again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tokenizer.corpus_spec import CorpusSpec
from tokenizer.private import make_private
from tokenizer.progress import Report, Stage
from tokenizer.stream.cleaned import Cleaned, Keeper
from tokenizer.stream.index import Bucket, buckets_of, read_index
from tokenizer.stream.leaks import leaking_pairs
from tokenizer.stream.minhash import bands_for
from tokenizer.stream.near import leave_out, positions
from tokenizer.stream.pool import Executor
from tokenizer.stream.portions import File, Portion, portions
from tokenizer.stream.reading import Read
from tokenizer.stream.steps import RUNS
from tokenizer.stream.whole import whole_file

SMALL = 16_000_000
"""Bytes of files, as stored, up to which a corpus is cleaned without further processes."""
_DONE = "cleaned.json"
"""What is written last."""


def clean(
    spec: CorpusSpec, files: Sequence[File], notes: tuple[str, ...], folder: Path, pool: Executor, report: Report
) -> Cleaned:
    """Clean a corpus in a folder that belongs to these files and this spec alone.

    Args:
        spec: which documents stay.
        files: where they are read from.
        notes: what a reader should know of the files.
        folder: where the files of the steps go; made if need be.
        pool: what does the tasks.
        report: hears of it if it takes long.

    Raises:
        CorpusError: with file and line where there is one.
        OSError: the disk is full.
    """
    make_private(folder)
    if (folder / _DONE).exists():
        return Cleaned.from_json(folder, (folder / _DONE).read_text())
    read = _read(spec, portions(spec.source, files), pool, report)
    with whole_file(folder / RUNS) as stream:
        stream.write(json.dumps(read.runs).encode())
    buckets = buckets_of(folder, read.runs)
    cleaned = Cleaned(folder, read.runs, buckets, read, spec.validation_fraction, notes=notes)
    distinct = _index(spec, buckets, pool, report)
    cleaned.duplicates = read.documents - sum(read.thrown.values()) - distinct
    gone = _near(spec, cleaned, pool, report) if spec.near_duplicates else np.zeros(distinct, bool)
    _keep(spec, cleaned, gone)
    with whole_file(folder / _DONE) as stream:
        stream.write(cleaned.to_json().encode())
    return cleaned


def _read(spec: CorpusSpec, cut: Iterable[Portion], pool: Executor, report: Report) -> Read:
    """Read every portion."""
    asked = dataclasses.asdict(spec)
    tasks: list[str] = []
    for portion in cut:
        plain = dataclasses.asdict(portion)
        name = hashlib.sha256(json.dumps([plain, asked]).encode()).hexdigest()[:16]
        tasks.append(json.dumps({"spec": asked, "portion": plain, "name": f"{len(tasks):06d}-{name}"}))
    stage = Stage("corpus: reading portions", report)
    found = Read()
    for result in pool.results("read", tasks, stage):
        found.add(Read.from_json(json.loads(result)))
    return found


def _index(spec: CorpusSpec, buckets: Sequence[Bucket], pool: Executor, report: Report) -> int:
    """Index every bucket; returns the number of distinct documents."""
    asked: dict[str, float] = {"ngram": spec.near_ngram, "rows": 0}
    if spec.near_duplicates:
        _hold_out(spec, buckets, pool, report)
        rows = bands_for(spec.near_duplicates).rows
        asked |= {"rows": rows, "threshold": spec.near_duplicates, "fraction": spec.validation_fraction}
    tasks = [json.dumps({"bucket": [bucket.first, bucket.last]} | asked) for bucket in buckets]
    stage = Stage("corpus: removing duplicates, buckets", report)
    return sum(map(int, pool.results("index", tasks, stage)))


def _hold_out(spec: CorpusSpec, buckets: Sequence[Bucket], pool: Executor, report: Report) -> None:
    """Index the n-grams of what is held out, with which every training document is compared."""
    asked = {"ngram": spec.near_ngram, "fraction": spec.validation_fraction}
    ends = [[bucket.first, bucket.last] for bucket in buckets]
    tasks = {"hold": [json.dumps({"bucket": each} | asked) for each in ends], "gather": [json.dumps({"buckets": ends})]}
    for step, each in tasks.items():
        for _ in pool.results(step, each, Stage("corpus: validation documents, buckets", report)):
            pass


def _near(spec: CorpusSpec, cleaned: Cleaned, pool: Executor, report: Report) -> npt.NDArray[np.bool_]:
    """Which documents go because another is alike, shape [documents]; counts those that would have leaked."""
    nearness = {"threshold": spec.near_duplicates, "fraction": spec.validation_fraction}
    buckets = [[bucket.first, bucket.last] for bucket in cleaned.buckets]
    count = bands_for(spec.near_duplicates).count
    tasks = [json.dumps({"buckets": buckets, "band": band, "nearness": nearness}) for band in range(count)]
    stage = Stage("corpus: near duplicates, bands", report)
    for _ in pool.results("pair", tasks, stage):
        pass
    pairs = np.concatenate([np.load(cleaned.folder / f"pairs-{band:03d}.npy") for band in range(count)])
    sides = [positions(read_index(cleaned.folder, bucket)) < spec.validation_fraction for bucket in cleaned.buckets]
    held_out = np.concatenate(sides)
    begins = np.cumsum([0, *map(len, sides)])[:-1].tolist()
    pairs = np.concatenate([pairs, leaking_pairs(cleaned.folder, cleaned.buckets, held_out, begins)])
    gone = leave_out(pairs, held_out)
    leaking = pairs[held_out[pairs[:, 0]] & ~held_out[pairs[:, 1]] & ~gone[pairs[:, 0]]]
    cleaned.leaks = len(np.unique(leaking[:, 1]))
    return gone


def _keep(spec: CorpusSpec, cleaned: Cleaned, gone: npt.NDArray[np.bool_]) -> None:
    """Decide what stays, and write it."""
    keeper, begin = Keeper(cleaned, spec.max_bytes), 0
    for bucket in cleaned.buckets:
        index = read_index(cleaned.folder, bucket)
        keeper.take(bucket, index, gone[begin : begin + len(index)])
        begin += len(index)
    keeper.end()

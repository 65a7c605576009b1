"""Cleans a corpus in a folder: read, index, pair, keep; what an earlier process did there is not done again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tokenizer.corpus_spec import CorpusSpec
from tokenizer.private import make_private
from tokenizer.progress import Report, Stage
from tokenizer.readings import Reading, as_read, readings
from tokenizer.stream.cleaned import Cleaned, Keeper
from tokenizer.stream.index import buckets_of, read_index
from tokenizer.stream.leaks import leaking_pairs
from tokenizer.stream.minhash import bands_for
from tokenizer.stream.near import Nearness, leave_out
from tokenizer.stream.parts import parts_of
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
    parts = readings(spec)
    read, ends = Read(), []
    for number, part in enumerate(parts):
        cut = portions(part.spec.source, [file for file in files if file.reading == number])
        read.add(_read(part, cut, pool, report))
        ends.append(len(read.runs))
    with whole_file(folder / RUNS) as stream:
        stream.write(json.dumps(read.runs).encode())
    cleaned = Cleaned(
        folder, read.runs, buckets_of(folder, read.runs), read, spec.validation_fraction, ends=ends, notes=notes
    )
    cleaned.parts = parts_of(parts, ends)
    distinct = _index(spec, cleaned, pool, report)
    cleaned.duplicates = read.documents - sum(read.thrown.values()) - distinct
    gone = _near(spec, cleaned, pool, report) if spec.near_duplicates else np.zeros(distinct, bool)
    _keep(spec, cleaned, gone)
    with whole_file(folder / _DONE) as stream:
        stream.write(cleaned.to_json().encode())
    return cleaned


def _read(part: Reading, cut: Iterable[Portion], pool: Executor, report: Report) -> Read:
    """Read every portion of a part of the corpus."""
    asked = dataclasses.asdict(as_read(part.spec))
    tasks: list[str] = []
    for portion in cut:
        plain = dataclasses.asdict(portion)
        name = hashlib.sha256(json.dumps([plain, asked]).encode()).hexdigest()[:16]
        number = f"{part.name}-{len(tasks):06d}" if part.name else f"{len(tasks):06d}"
        tasks.append(json.dumps({"spec": asked, "portion": plain, "name": f"{number}-{name}"}))
    stage = Stage(f"corpus: reading portions{f' of {part.name}' if part.name else ''}", report)
    found = Read()
    for result in pool.results("read", tasks, stage):
        found.add(Read.from_json(json.loads(result)))
    return found


def _index(spec: CorpusSpec, cleaned: Cleaned, pool: Executor, report: Report) -> int:
    """Index every bucket; returns the number of distinct documents, and counts leaks into given validation sets."""
    asked: dict[str, object] = {"ngram": spec.near_ngram, "rows": 0, "held_out_runs": cleaned.held_out_runs}
    if spec.near_duplicates:
        nearness = dataclasses.asdict(_nearness(spec, cleaned))
        asked |= {"rows": bands_for(spec.near_duplicates).rows, "nearness": nearness}
        _hold_out({"ngram": spec.near_ngram, "nearness": nearness}, cleaned, pool, report)
    tasks = [json.dumps({"bucket": [bucket.first, bucket.last]} | asked) for bucket in cleaned.buckets]
    stage = Stage("corpus: removing duplicates, buckets", report)
    distinct = 0
    for result in pool.results("index", tasks, stage):
        documents, leaks = json.loads(result)
        distinct += documents
        cleaned.leaks += leaks
    return distinct


def _nearness(spec: CorpusSpec, cleaned: Cleaned) -> Nearness:
    """What counts as a near duplicate."""
    return Nearness(spec.near_duplicates, spec.validation_fraction, cleaned.held_out_runs)


def _hold_out(asked: dict[str, object], cleaned: Cleaned, pool: Executor, report: Report) -> None:
    """Index the n-grams of what is held out, with which every training document is compared."""
    ends = [[bucket.first, bucket.last] for bucket in cleaned.buckets]
    tasks = {"hold": [json.dumps({"bucket": each} | asked) for each in ends], "gather": [json.dumps({"buckets": ends})]}
    for step, each in tasks.items():
        for _ in pool.results(step, each, Stage("corpus: validation documents, buckets", report)):
            pass


def _near(spec: CorpusSpec, cleaned: Cleaned, pool: Executor, report: Report) -> npt.NDArray[np.bool_]:
    """Which documents go because another is alike, shape [documents]; counts those that would have leaked."""
    nearness = _nearness(spec, cleaned)
    buckets = [[bucket.first, bucket.last] for bucket in cleaned.buckets]
    count = bands_for(spec.near_duplicates).count
    tasks = [
        json.dumps({"buckets": buckets, "band": band, "nearness": dataclasses.asdict(nearness)})
        for band in range(count)
    ]
    stage = Stage("corpus: near duplicates, bands", report)
    for _ in pool.results("pair", tasks, stage):
        pass
    by_bucket = [nearness.ranks(read_index(cleaned.folder, bucket)) for bucket in cleaned.buckets]
    by_band = (np.load(cleaned.folder / f"pairs-{band:03d}.npy") for band in range(count))
    leaking = leaking_pairs(cleaned.folder, cleaned.buckets, by_bucket)
    gone, leaks = leave_out(chain([leaking], by_band), np.concatenate(by_bucket))
    cleaned.leaks += leaks
    return gone


def _keep(spec: CorpusSpec, cleaned: Cleaned, gone: npt.NDArray[np.bool_]) -> None:
    """Decide what stays, and write it."""
    keeper, begin = Keeper(cleaned, spec.max_bytes, [part.name for part in readings(spec)]), 0
    for bucket in cleaned.buckets:
        index = read_index(cleaned.folder, bucket)
        keeper.take(bucket, index, gone[begin : begin + len(index)])
        begin += len(index)
    keeper.end()

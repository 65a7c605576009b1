"""N-gram models as a baseline: measured once on the tokens that runs read, and kept with their dataset."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from analysis.evidence import NgramBaseline, NgramScore
from analysis.wording import format_count
from orchestrator.store import RunRecord
from orchestrator.use_cases.workspace import Workspace
from tokenizer.progress import Report
from tokenizer.shards import ShardError, open_shards
from tokenizer.stream.whole import whole_file

ORDERS = 5
"""Highest order."""
MOST_TOKENS = 1 << 25
"""Training tokens of the largest model: beyond them memory would go past 2 GB, and runs have no baseline."""
UNASKED_TOKENS = 8_000_000
"""Training tokens that `isoflop run` measures unasked, all datasets of a sweep together: some ten seconds."""
SEED = 0
"""Seed of the runs whose order of reading it is; other seeds read other tokens of the same text."""
VERSION = 1
"""Incremented when the same tokens would give other numbers."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What runs need of one dataset in windows of one length."""

    dataset: str
    """The dataset."""
    context: int
    """Tokens of a context."""
    fewest: int
    """Fewest windows that a run reads."""
    most: int
    """Most windows that a run reads."""


def stored_ngrams(dataset: Path, context: int) -> NgramBaseline | None:
    """What was measured of a dataset, by its folder, in windows of a length; None where nothing was."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        found = json.loads(_file(dataset, context).read_bytes())
        if found["version"] == VERSION:
            return NgramBaseline(tuple(NgramScore(**score) for score in found["scores"]), found["unique_tokens"])
    return None


def wanted_by(runs: Iterable[RunRecord]) -> list[Wanted]:
    """What runs need, by dataset and length of a window."""
    groups: dict[tuple[str, int], list[int]] = {}
    for run in runs:
        key = str(run.config["dataset"]), int(run.config["model"]["context"])
        groups.setdefault(key, []).append(int(run.config["train"]["sequences"]))
    return [Wanted(dataset, context, min(found), max(found)) for (dataset, context), found in groups.items()]


def measure(workspace: Workspace, runs: Sequence[RunRecord]) -> None:
    """Measure what is not stored yet of what runs need. Raises ShardError where a dataset is gone or damaged."""
    for wanted in _missing(workspace, runs):
        _measure(workspace.home.artifacts / wanted.dataset, wanted, workspace.say)


def measure_unasked(workspace: Workspace, runs: Sequence[RunRecord], name: str) -> None:
    """As `measure`, at the end of a sweep: what takes seconds, else a word about it; a lost dataset is left out."""
    missing = [one for one in _missing(workspace, runs) if (workspace.home.artifacts / one.dataset).is_dir()]
    tokens = sum(min(wanted.most * wanted.context, MOST_TOKENS) for wanted in missing)
    if tokens > UNASKED_TOKENS:
        workspace.say(f"n-grams as a baseline: isoflop ngram {name} measures them on {format_count(tokens)} tokens")
        return
    for wanted in missing:
        with contextlib.suppress(ShardError):
            _measure(workspace.home.artifacts / wanted.dataset, wanted, workspace.say)


def _missing(workspace: Workspace, runs: Sequence[RunRecord]) -> Iterator[Wanted]:
    """What runs need and is not stored."""
    for wanted in wanted_by(runs):
        known = stored_ngrams(workspace.home.artifacts / wanted.dataset, wanted.context)
        if known is None or not _covers(known, wanted):
            yield wanted


def _covers(known: NgramBaseline, wanted: Wanted) -> bool:
    """Whether all runs find their tokens in what was measured, as far as it may go."""
    highest = min(wanted.most * wanted.context, known.unique_tokens, MOST_TOKENS // wanted.context * wanted.context)
    return known.scores[0].tokens <= wanted.fewest * wanted.context and highest <= known.scores[-1].tokens


def _measure(folder: Path, wanted: Wanted, say: Report) -> None:
    """Measure the n-grams of a dataset in its folder, and store them there. Raises ShardError."""
    from model.ngrams.losses import ngram_losses
    from model.ngrams.windows import unique_windows, windows_of

    data = open_shards(folder)
    unique = unique_windows(data, wanted.context)
    sizes = sizes_of(wanted.fewest, min(wanted.most, unique, MOST_TOKENS // wanted.context))
    windows = windows_of(data, wanted.context, sizes[-1], SEED)
    found = ngram_losses(windows, sizes, data.manifest.vocab, ORDERS, say)
    content = {
        "version": VERSION,
        "unique_tokens": unique * wanted.context,
        "scores": [asdict(score) for score in found],
    }
    with whole_file(_file(folder, wanted.context)) as stream:
        stream.write(json.dumps(content).encode())


def sizes_of(fewest: int, most: int) -> list[int]:
    """Powers of two from `fewest` or below up to `most`, and that: at least two, so that they have a between."""
    size = 1 << (max(1, min(fewest, most // 2)).bit_length() - 1)
    sizes = []
    while size < most:
        sizes.append(size)
        size *= 2
    return [*sizes, most]


def _file(dataset: Path, context: int) -> Path:
    """Where the n-grams of a dataset are; no part of its identity."""
    return dataset / f"ngrams-{context}.json"

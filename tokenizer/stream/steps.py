"""The steps by name, each with its task as JSON text: pure functions from the files of a folder to files in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tokenizer.corpus_spec import CorpusSpec
from tokenizer.stream.encoding import KEPT, encode_bucket
from tokenizer.stream.index import Bucket, index_bucket
from tokenizer.stream.leaks import GRAMS, HOLDERS, SIZES, LeakFinder, gather, held_out_of, hold_out
from tokenizer.stream.minhash import Bands
from tokenizer.stream.near import Nearness, pair_band
from tokenizer.stream.parts import Part
from tokenizer.stream.portions import Portion
from tokenizer.stream.reading import read_portion

RUNS: Final = "runs.json"
"""File with the names of all runs."""


def _runs(folder: Path) -> list[str]:
    """The names of all runs."""
    names: list[str] = json.loads((folder / RUNS).read_text())
    return names


def _buckets(pairs: list[list[int]]) -> list[Bucket]:
    """Buckets from their ends."""
    return [Bucket(*pair) for pair in pairs]


def _read_json(folder: Path, task: dict[str, Any]) -> Any:
    portion = Portion(**task["portion"] | {"files": tuple((name, origin) for name, origin in task["portion"]["files"])})
    return read_portion(CorpusSpec(**task["spec"]), portion, folder, task["name"]).to_dict()


def _hold_json(folder: Path, task: dict[str, Any]) -> Any:
    return hold_out(folder, _runs(folder), Bucket(*task["bucket"]), task["ngram"], Nearness(**task["nearness"]))


def _gather_json(folder: Path, task: dict[str, Any]) -> Any:
    return gather(folder, _buckets(task["buckets"]))


def _index_json(folder: Path, task: dict[str, Any]) -> Any:
    bucket, common = Bucket(*task["bucket"]), (task["ngram"], Bands(task["rows"]) if task["rows"] else None)
    if not task["rows"]:
        return index_bucket(folder, _runs(folder), bucket, *common, task["held_out_runs"])
    finder = LeakFinder(held_out_of(folder), Nearness(**task["nearness"]))
    found = index_bucket(folder, _runs(folder), bucket, *common, task["held_out_runs"], finder.look)
    finder.save(folder, bucket)
    return found


def _pair_json(folder: Path, task: dict[str, Any]) -> Any:
    return pair_band(folder, _buckets(task["buckets"]), task["band"], Nearness(**task["nearness"]))


def _encode_json(folder: Path, task: dict[str, Any]) -> Any:
    bucket = Bucket(*task["bucket"])
    named = {name: task[name] for name in ("fraction", "tokenizer", "encoder")}
    return encode_bucket(folder, _runs(folder), bucket, [Part(**part) for part in task["parts"]], **named)


STEPS: Final[Mapping[str, Callable[[Path, dict[str, Any]], Any]]] = {
    "read": _read_json,
    "hold": _hold_json,
    "gather": _gather_json,
    "index": _index_json,
    "pair": _pair_json,
    "encode": _encode_json,
}
"""What each step does with its task; the result is JSON."""
_TEXTS = (RUNS, "*.run")
READS: Final[Mapping[str, tuple[str, ...]]] = {
    "read": (),
    "hold": _TEXTS,
    "gather": ("*.held.npy", "*.sizes.npy"),
    "index": (*_TEXTS, GRAMS, HOLDERS, SIZES),
    "pair": ("*.index.npy", "*.signatures.npy", "*.bands.npy"),
    "encode": (*_TEXTS, f"*.{KEPT}.npy", "tokenizer-*.json"),
}
"""Names of the files that each step reads from its folder, as patterns."""


def perform(step: str, folder: str, task: str) -> str:
    """Do a task of a step; text in, text out, so that any executor can carry it.

    Raises:
        CorpusError, OSError.
    """
    return json.dumps(STEPS[step](Path(folder), json.loads(task)))

"""The identities of validation texts: losses on equal ones can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizer.shards import ShardError, read_manifest


def texts_of(artifacts: Path, datasets: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The identity of the validation text of each dataset, and of its further sets, by `DATASET` and `DATASET SET`.

    That of a dataset which is not in the folder `artifacts` is empty.
    """
    for dataset in datasets:
        try:
            manifest = read_manifest(artifacts / dataset)
        except ShardError:
            yield dataset, ""
            continue
        yield dataset, f"{manifest.corpus} {manifest.validation_bytes} {manifest.scored_bytes}"
        for name, facts in manifest.sets.items():
            yield f"{dataset} {name}", facts["text"]

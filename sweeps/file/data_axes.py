"""Axes of `vary` that set the data: keys of `tokenizer` and `corpus`, each combination with a dataset of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from sweeps.file.spec import SweepSpec
from tokenizer.corpus import CorpusSpec
from tokenizer.vocabulary import FILE, TokenizerSpec

TOKENIZER_AXES: Final[Mapping[str, type]] = {
    "tokenizer.kind": str,
    "tokenizer.vocab": int,
    "tokenizer.path": str,
}
"""Axes that set the tokenizer, and the type of their values."""
DATA_AXES: Final[Mapping[str, type]] = {
    **TOKENIZER_AXES,
    "corpus.source": str,
    "corpus.paths": str,
    "corpus.text_key": str,
    "corpus.max_bytes": int,
}
"""Axes that set the data, and the type of their values; one of `corpus.paths` is one path."""


def data_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a combination's values that set the data."""
    return {axis: value for axis, value in values.items() if axis in DATA_AXES}


def varies_tokenizer(spec: SweepSpec) -> bool:
    """Whether the sweep compares tokenizers, so that every run is scored on the same whole documents."""
    return any(axis in TOKENIZER_AXES for axis in spec.vary)


def with_data(spec: SweepSpec, values: Mapping[str, Any]) -> SweepSpec:
    """The sweep with the corpus and the tokenizer of one combination of axes.

    What another kind of tokenizer or source does not have, such as a file's path, is left out with it.

    Raises:
        CorpusError, TokenizerError: the values contradict each other.
    """
    chosen = {axis.partition(".")[::2]: value for axis, value in data_values(values).items()}
    if not chosen:
        return spec
    tokenizer = asdict(spec.tokenizer) | {key: value for (part, key), value in chosen.items() if part == "tokenizer"}
    if tokenizer["kind"] != FILE:
        tokenizer |= {"path": "", "separator": "", "pattern": ""}
    corpus: dict[str, Any] = {key: value for (part, key), value in chosen.items() if part == "corpus"}
    if "paths" in corpus:
        corpus["paths"] = (corpus["paths"],)
    if corpus.get("source") == CorpusSpec().source:
        corpus["paths"] = ()
    return replace(spec, corpus=replace(spec.corpus, **corpus), tokenizer=TokenizerSpec(**tokenizer))

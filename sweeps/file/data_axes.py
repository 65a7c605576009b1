"""Axes of `vary` that set the data: keys of `tokenizer` and `corpus`, each combination with a dataset of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from sweeps.file.spec import SweepSpec
from tokenizer.corpus import CorpusSpec
from tokenizer.domain_spec import weighted
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
    "corpus.filters": str,
    "corpus.near_duplicates": float,
}
"""Axes that set the data, and the type of their values; one of `corpus.paths` is one path, of `corpus.filters` one set
of rules or nothing."""
WEIGHT: Final = "corpus.weight."
"""How an axis begins that sets the weight of one domain of `corpus.mix`, whose name follows."""


def data_type(axis: str) -> type | None:
    """The type of the values of an axis that sets the data; None for any other axis."""
    return float if axis.startswith(WEIGHT) else DATA_AXES.get(axis)


def data_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a combination's values that set the data."""
    return {axis: value for axis, value in values.items() if data_type(axis)}


def varies_tokenizer(spec: SweepSpec) -> bool:
    """Whether the sweep compares tokenizers, so that every run is scored on the same whole documents.

    Corpora that share a validation file differ in the tokenizer that is trained on them, too; weights do not.
    """
    corpora = any(axis in DATA_AXES and axis not in TOKENIZER_AXES for axis in spec.vary)
    return any(axis in TOKENIZER_AXES for axis in spec.vary) or (corpora and bool(spec.corpus.validation))


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
    for axis in ("paths", "filters"):
        if axis in corpus:
            corpus[axis] = (corpus[axis],) if corpus[axis] else ()
    mix = spec.corpus.mix
    for axis in [axis for axis in corpus if axis.startswith("weight.")]:
        mix = weighted(mix, axis.removeprefix("weight."), corpus.pop(axis))
    if corpus.get("source") == CorpusSpec().source:
        corpus["paths"] = ()
    return replace(spec, corpus=replace(spec.corpus, mix=mix, **corpus), tokenizer=TokenizerSpec(**tokenizer))

"""Gives an error of the corpus, found while its files are read, the place in the sweep file that it comes from."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from sweeps.file.compose import read_document
from sweeps.file.layers import Layers
from tokenizer.corpus import CorpusError


@contextlib.contextmanager
def placing(source: Path | str | bytes, overrides: Sequence[str] = ()) -> Iterator[None]:
    """A context in which a CorpusError with a key gets the position of that key in the sweep file.

    `source` and `overrides` are those of `load_sweep`, which has read them without a mistake.
    """
    try:
        yield
    except CorpusError as error:
        if not error.key:
            raise
        key = ("corpus", *error.key.split("."))
        problem = Layers(read_document(source), overrides).located(key, error.message)
        raise type(error)(str(problem)) from error

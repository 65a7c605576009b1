"""The parts of a cleaned corpus: which of its documents are encoded into a file of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tokenizer.readings import Reading
from tokenizer.stream.index import Index
from tokenizer.stream.near import positions

SET = "validation-"
"""How the names of the parts that are validation sets begin."""
DOMAIN = "train-"
"""How the names of the parts that are the training documents of a domain begin."""


@dataclass(frozen=True)
class Part:
    """Some documents of a cleaned corpus, by the runs they lie in and their split."""

    name: str
    """Of the part: train and validation of the whole, `train-` and `validation-` of a domain, all."""
    split: str
    """train | validation, by the documents' digests; empty for both."""
    first: int
    """The first of its runs."""
    last: int
    """The one behind the last."""
    until: str = ""
    """Digest of its last document, in hexadecimal digits; empty for all."""

    def of(self, index: Index, fraction: float) -> Index:
        """The rows of an index that belong to it; `fraction` of the documents are held out."""
        chosen = (index["run"] >= self.first) & (index["run"] < self.last)
        if self.split:
            held_out = positions(index) < fraction
            chosen &= held_out if self.split == "validation" else ~held_out
        return index[chosen]


def parts_of(parts: Sequence[Reading], ends: Sequence[int]) -> dict[str, Part]:
    """The parts of a corpus by name; `ends` is the run behind the last of each reading."""
    begins = [0, *ends[:-1]]
    trained = [number for number, part in enumerate(parts) if not part.held_out]
    whole = begins[trained[0]], ends[-1]
    made = [Part("train", "train", *whole), Part("validation", "validation", *whole), Part("all", "", *whole)]
    for number, part in enumerate(parts):
        runs = begins[number], ends[number]
        if part.held_out:
            made.append(Part(SET + part.name, "", *runs))
        elif part.name:
            made += [Part(DOMAIN + part.name, "train", *runs), Part(SET + part.name, "validation", *runs)]
    return {part.name: part for part in made}


def numbers_of(index: Index, ends: Sequence[int]) -> np.ndarray:
    """The number of the reading of each row, shape [rows]."""
    return np.searchsorted(np.asarray(ends), index["run"], side="right")

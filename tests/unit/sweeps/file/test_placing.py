"""An error that is found while the corpus is read names the place in the sweep file, or the override."""

from __future__ import annotations

import pytest

from sweeps.file.placing import placing
from tokenizer.corpus_error import CorpusError, CorpusFileError

TEXT = "name: x\nbudgets: [1e11]\ncorpus:\n  mix:\n    - {}\n    - {name: b, source: text, paths: [b.txt]}\n"


@pytest.mark.parametrize(
    ("key", "overrides", "expected"),
    [
        ("mix.1", (), "<sweep>:6:7 corpus.mix.1: is not there"),
        ("mix.1.paths", (), "<sweep>:6:31 corpus.mix.1.paths: is not there"),
        ("validation.v", ("corpus.validation.v=v.txt",), "override 1: corpus.validation.v: is not there"),
        ("", (), "is not there"),
    ],
)
def test_the_key_at_fault_has_a_place(key: str, overrides: tuple[str, ...], expected: str) -> None:
    with pytest.raises(CorpusFileError) as caught, placing(TEXT, overrides):
        raise CorpusFileError("is not there", key)
    assert str(caught.value) == expected


def test_what_is_well_stays_as_it_is() -> None:
    with placing(TEXT):
        pass
    with pytest.raises(ValueError, match="other"), placing(TEXT):
        raise ValueError("other")
    assert issubclass(CorpusFileError, CorpusError)

"""Results and expected errors survive as text."""

from __future__ import annotations

import pytest

from tokenizer.corpus_error import CorpusError, CorpusFileError
from tokenizer.stream.answers import answer_with, result_of


def test_a_result_survives() -> None:
    assert result_of(answer_with(lambda: 'a "result"\n')) == 'a "result"\n'


@pytest.mark.parametrize(
    "error", [CorpusFileError("a.jsonl:1: bad"), CorpusError("wrong", "paths"), OSError(28, "No space left", "a.run")]
)
def test_an_expected_error_survives(error: Exception) -> None:
    def fail() -> str:
        raise error

    with pytest.raises(type(error)) as found:
        result_of(answer_with(fail))
    assert str(found.value) == str(error) and type(found.value) is type(error)


def test_other_errors_pass_through() -> None:
    with pytest.raises(ZeroDivisionError):
        answer_with(lambda: str(1 // 0))

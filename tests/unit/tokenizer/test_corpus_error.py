"""Errors of a corpus carry their key and their message, and those of a file's content are told apart."""

from __future__ import annotations

from tokenizer.corpus_error import CorpusError, CorpusFileError
from tokenizer.errors import ExpectedError


def test_the_key_leads_the_message() -> None:
    error = CorpusError("must be at least 1", "max_bytes")
    assert (str(error), error.key, error.message) == (
        "corpus.max_bytes must be at least 1",
        "max_bytes",
        "must be at least 1",
    )
    assert (str(CorpusError("no text")), CorpusError("no text").key) == ("no text", "")


def test_an_error_of_a_file_is_one_of_the_corpus() -> None:
    error = CorpusFileError("a.txt:1: not UTF-8")
    assert isinstance(error, CorpusError | ExpectedError) and error.kind == "corpus"

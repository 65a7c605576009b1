"""What is invalid stops the reading, or is counted."""

from __future__ import annotations

import pytest

from tokenizer.corpus_error import CorpusFileError
from tokenizer.refusals import Refusals


def test_what_is_refused_stops_or_is_counted() -> None:
    with pytest.raises(CorpusFileError, match="why"):
        Refusals().refuse("reason", "why")
    with pytest.raises(CorpusFileError, match="damaged"):
        Refusals().end_file(CorpusFileError("damaged"))
    lenient = Refusals(skip=True)
    lenient.refuse("reason", "why")
    lenient.end_file(CorpusFileError("damaged"))
    assert lenient.counts == {"reason": 1, "rest of a damaged file": 1}

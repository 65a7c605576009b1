"""The base of expected errors: every error of the tokenizer has it, and a kind of its own."""

from __future__ import annotations

import subprocess
import sys

from tokenizer.errors import ExpectedError
from tokenizer.files import CorpusError
from tokenizer.shards import ShardError
from tokenizer.vocabulary import TokenizerError


def test_errors_of_the_tokenizer_are_expected_and_have_kinds_of_their_own() -> None:
    errors = (CorpusError, ShardError, TokenizerError)
    assert all(issubclass(error, ExpectedError) and issubclass(error, ValueError) for error in errors)
    assert len({error.kind for error in errors}) == len(errors)
    assert str(ShardError("where and what to do")) == "where and what to do"


def test_the_base_imports_nothing_of_ours() -> None:
    code = "import sys, tokenizer.errors; print([m for m in sys.modules if m.startswith('tokenizer.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "['tokenizer.errors']"

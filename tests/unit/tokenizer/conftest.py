"""Tokenizers that the tests share."""

from __future__ import annotations

import pytest

from tests.unit.tokenizer.tokenizer_data import TEXTS, VOCABS
from tokenizer.training import train_tokenizer
from tokenizer.vocabulary import Tokenizer, TokenizerSpec


@pytest.fixture(scope="session")
def trained() -> dict[str, Tokenizer]:
    """A small tokenizer of each kind."""
    return {kind: train_tokenizer(TokenizerSpec(kind, vocab), TEXTS) for kind, vocab in VOCABS.items()}

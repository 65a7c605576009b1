"""The losses of n-gram models equal those of a reference in plain Python, for several sizes, orders and texts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from model.ngrams.losses import NgramLoss, ngram_losses
from model.ngrams.windows import Windows
from tests.unit.model.ngrams.plain import FALLBACK, Model, three_discounts
from tokenizer.progress import silent

VOCAB, CONTEXT, ORDERS = 12, 8, 5
SIZES = (3, 20, 60)


def text(windows: int, seed: int, vocab: int) -> np.ndarray:
    """Tokens that follow each other by habit: rare n-grams of every count and frequent ones."""
    rng = np.random.default_rng(seed)
    stream = np.cumsum(rng.geometric(0.5, windows * CONTEXT + 1)) % vocab
    return np.stack([stream[i * CONTEXT : (i + 1) * CONTEXT + 1] for i in range(windows)]).astype(np.uint16)


def windows(vocab: int = VOCAB) -> Windows:
    scored = np.ones((6, CONTEXT), bool)
    scored[-1, 3:] = False
    return Windows(text(SIZES[-1], 0, vocab), text(6, 1, vocab), scored, 2.5)


@pytest.fixture(scope="module")
def losses() -> list[NgramLoss]:
    return ngram_losses(windows(), SIZES, VOCAB, ORDERS, silent)


@pytest.mark.parametrize("size", SIZES)
def test_losses_are_those_of_the_reference(losses: list[NgramLoss], size: int) -> None:
    given = windows()
    model = Model(given.train[:size].tolist(), ORDERS, VOCAB)
    expected = [model.loss(given.validation.tolist(), order, 6 * CONTEXT - 5) for order in range(1, ORDERS + 1)]
    found = [one.loss for one in losses if one.tokens == size * CONTEXT]
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_texts_reach_measured_and_usual_discounts() -> None:
    """The smallest text has too few n-grams for discounts of its own, the largest has enough."""
    small, large = (Model(text(SIZES[-1], 0, VOCAB)[:size].tolist(), ORDERS, VOCAB) for size in (3, 60))
    assert three_discounts(small.raw[1]) == FALLBACK
    assert FALLBACK not in [three_discounts(counts[4]) for counts in (large.raw, large.lower)]


def test_losses_come_by_size_and_order(losses: list[NgramLoss]) -> None:
    assert [(one.tokens, one.order) for one in losses] == [(s * CONTEXT, m) for s in SIZES for m in range(1, 6)]


def test_bits_per_byte_are_nats_by_bytes(losses: list[NgramLoss]) -> None:
    assert [one.bits_per_byte for one in losses] == pytest.approx([one.loss / math.log(2) / 2.5 for one in losses])


def test_a_token_that_was_never_seen_has_a_probability() -> None:
    """A vocabulary with entries that the text does not use."""
    given = windows()
    strange = Windows(given.train, np.full_like(given.validation, 40), given.scored, 1.0)
    (one, *_) = ngram_losses(strange, [60], 50, 1, silent)
    assert math.log(50) < one.loss < 20


@pytest.mark.parametrize("order", [1, 3, 5])
def test_probabilities_of_all_tokens_sum_to_one(order: int) -> None:
    """One validation window for each possible last token behind one history."""
    given = windows()
    history = given.train[4]
    ends = np.tile(history, (VOCAB, 1))
    ends[:, -1] = np.arange(VOCAB)
    total = 0.0
    for end in ends:
        last = np.zeros((1, CONTEXT), bool)
        last[0, -1] = True
        one = ngram_losses(Windows(given.train, end[None], last, 1.0), [60], VOCAB, order, silent)[-1]
        total += math.exp(-one.loss)
    assert total == pytest.approx(1.0, rel=1e-12)

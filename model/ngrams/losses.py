"""The losses of n-gram models of order 1, 2, …, each trained on the first windows that a run reads."""

# R = windows, T = tokens of a context, m = order.

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from model.ngrams.kneser_ney import Counts, Probabilities, interpolate
from model.ngrams.numbering import Numbered, Numbers, empty_grams, longer
from model.ngrams.windows import Windows
from tokenizer.progress import Report, Stage


@dataclass(frozen=True, slots=True)
class NgramLoss:
    """The score of one n-gram model on the validation tokens."""

    tokens: int
    """Training tokens D, each counted once."""
    order: int
    """Tokens of its n-grams."""
    loss: float
    """Mean cross-entropy, nats per token."""
    bits_per_byte: float
    """The same in bits per UTF-8 byte of the text."""


@dataclass(frozen=True, slots=True)
class _Models:
    """What the models of one size say of each scored target, [R, T], after some order."""

    lower: Probabilities
    """By the order below, which counts how many different tokens precede an n-gram."""
    highest: Probabilities
    """By the model whose highest order it is, or of the highest that the tokens before it in its window allow."""


def ngram_losses(windows: Windows, sizes: Sequence[int], vocab: int, orders: int, report: Report) -> list[NgramLoss]:
    """The losses of interpolated modified Kneser-Ney models of order 1 to `orders`, by size and order.

    The n-grams of the largest size are numbered once; each model is sums over their numbers.

    Args:
        windows: what is counted and scored.
        sizes: how many of the training windows, ascending.
        vocab: entries of the vocabulary: below order 1 all are equally probable.
        orders: the highest order.
        report: hears how far it is where it takes long.
    """
    tokens = np.concatenate((windows.train[: sizes[-1]], windows.validation))
    uniform = np.full(windows.scored.shape, 1 / vocab)
    models = [_Models(uniform, uniform) for _ in sizes]
    stage, grams, found = Stage("n-grams", report), empty_grams(*tokens.shape), []
    for order in range(1, orders + 1):
        stage.tick(f"order {order} of {orders}")
        shorter, grams = grams, longer(grams, tokens, vocab)
        for index, (size, counts) in enumerate(zip(sizes, _occurrences(grams, order, sizes), strict=True)):
            models[index] = _raised(models[index], order, shorter, grams, counts, size)
            nats = float(-np.log(models[index].highest[windows.scored]).mean())
            bits = nats / math.log(2) / windows.bytes_per_token
            found.append(NgramLoss(size * windows.scored.shape[1], order, nats, bits))
    return sorted(found, key=lambda one: (one.tokens, one.order))


def _raised(models: _Models, order: int, shorter: Numbered, grams: Numbered, counts: Counts, size: int) -> _Models:
    """The models of one size with one order more, by the occurrences of its n-grams in the training windows."""
    lower = models.lower
    if order > 1:
        lower = _with_order(lower, lower, order - 1, shorter, _preceding(shorter, grams, counts, order, size))
    return _Models(lower, _with_order(models.highest, lower, order, grams, counts))


def _with_order(
    short: Probabilities, lower: Probabilities, order: int, grams: Numbered, counts: Counts
) -> Probabilities:
    """The probabilities at one order; those of `short` where the window has too few tokens before the target."""
    scored = _targets(grams.numbers[-len(lower) :], order)
    first = lower.shape[1] - scored.shape[1]
    reached = interpolate(grams, counts, scored, lower[:, first:])
    return np.concatenate((short[:, :first], reached), axis=1)


def _targets(numbers: Numbers, order: int) -> Numbers:
    """The n-grams that end at a target: the first token of a window is none."""
    return numbers[:, 1:] if order == 1 else numbers


def _occurrences(grams: Numbered, order: int, sizes: Sequence[int]) -> Iterator[Counts]:
    """How often each n-gram ends at a target of the first windows, for each size."""
    counts, done = np.zeros(0, np.int64), 0
    for size in sizes:
        more = np.bincount(_targets(grams.numbers[done:size], order).ravel(), minlength=grams.known(size))
        more[: len(counts)] += counts
        counts, done = more, size
        yield counts


def _preceding(shorter: Numbered, grams: Numbered, counts: Counts, order: int, size: int) -> Counts:
    """How many different tokens precede each n-gram that is one token shorter, by the longer ones that were seen.

    Where a window begins with it, the edge counts as one token more.
    """
    preceding = np.bincount(grams.suffixes[: len(counts)], minlength=shorter.known(size))
    if order > 2:
        preceding[np.unique(shorter.numbers[:size, 0])] += 1
    return preceding

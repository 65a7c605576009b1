"""A baseline of n-grams around the losses of a law, for the tests that show one."""

from __future__ import annotations

from dataclasses import replace

from analysis.evidence import NgramBaseline, NgramScore
from analysis.law import Law


def baseline(loss: float, *, fewest: int = 10, most: int = 10**12, unique: int = 10**13) -> NgramBaseline:
    """Two numbers of tokens and two orders: the second order has this loss at both, the first one nat more."""
    scores = [
        NgramScore(tokens, order, loss + (1.0 if order == 1 else 0.0), (loss + (1.0 if order == 1 else 0.0)) / 2)
        for tokens in (fewest, most)
        for order in (1, 2)
    ]
    return NgramBaseline(tuple(scores), unique)


def against(law: Law, loss: float) -> Law:
    """The law with n-grams of one loss, half as many bits per byte."""
    return replace(law, ngrams=baseline(loss))

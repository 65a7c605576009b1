"""How the runs of a law compare with n-gram models that were trained on the same tokens."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.evidence import NgramScore
from analysis.law import Law
from analysis.wording import format_count, format_flops, plural

_EVEN = 0.005
"""Bits per byte below which a gap is none."""


@dataclass(frozen=True, slots=True)
class Rivals:
    """A run and the best n-gram of its tokens."""

    flops: float
    """The run's budget, training FLOPs."""
    params: float
    """Its N."""
    loss: float
    """Its loss, nats per token."""
    ngram: NgramScore
    """The n-gram."""

    @property
    def ahead(self) -> float:
        """By how many bits per byte of text the run is better."""
        return self.ngram.bits_per_byte * (1 - self.loss / self.ngram.loss)


def rivals(law: Law) -> list[Rivals]:
    """The fitted runs whose tokens are within those of the n-grams, the smallest model first."""
    found = []
    for curve in law.curves:
        for params, tokens, loss in zip(curve.params, curve.tokens, curve.losses, strict=True):
            ngram = law.ngrams.at(tokens) if law.ngrams is not None else None
            if ngram is not None:
                found.append(Rivals(curve.flops, params, loss, ngram))
    return sorted(found, key=lambda one: one.params)


def ngram_sentence(law: Law) -> str:
    """Which runs beat the best n-gram of the same tokens, and by how much; empty where there is nothing to compare."""
    compared = rivals(law)
    if not compared:
        return ""
    winners = [one for one in compared if one.ahead > _EVEN]
    best = max(compared, key=lambda one: one.ahead)
    if not winners:
        begin = f"No run beats the best n-gram of the same tokens: the closest, {_named(best)}, is {_behind(best)}"
        return f"{begin} a {best.ngram.order}-gram."
    if len(winners) == len(compared):
        least = min((one for one in compared if one.params == compared[0].params), key=lambda one: one.ahead)
        begin = f"The smallest model, {_named(least)}, already beats the best n-gram of the same tokens"
        end = f"the best run, {_named(best)}, by {_bits(best.ahead)}."
        return f"{begin}, a {least.ngram.order}-gram, by {_bits(least.ahead)}; {end}"
    return (
        f"{len(winners)} of {plural(len(compared), 'run')} beat the best n-gram of the same tokens, the smallest "
        f"with {format_count(winners[0].params)} parameters; the best, {_named(best)}, beats "
        f"a {best.ngram.order}-gram by {_bits(best.ahead)}."
    )


def _named(one: Rivals) -> str:
    """A run by its size and its budget."""
    return f"{format_count(one.params)} parameters at {format_flops(one.flops)} FLOPs"


def _behind(one: Rivals) -> str:
    return f"{_bits(-one.ahead)} behind" if one.ahead < -_EVEN else "even with"


def _bits(gap: float) -> str:
    return f"{gap:.2f} bit per byte"

"""Windows of a split's tokens, and the order in which a run reads them. Imports numpy alone."""

# T = tokens of a context; a window has T + 1: inputs [:, :-1] and targets [:, 1:]. B = windows of a batch.

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tokenizer.shards import ShardError, Tokens

Indices = npt.NDArray[np.int64]
"""Numbers of windows, or ids in windows."""
Words = npt.NDArray[np.uint64]
"""64-bit words that wrap around."""

_U64 = np.uint64
_ROUNDS = 6
"""Rounds of the Feistel network."""


def sequence_count(tokens: int, context: int) -> int:
    """Number of windows of context + 1 tokens at stride context: each token but the first is a target at most once."""
    return max(0, tokens - 1) // context


def gather(tokens: Tokens, indices: Indices, context: int, out: Indices | None = None) -> Indices:
    """Windows by index, indices [B] to int64 [B, T + 1].

    `out`, of that shape and type, is filled and returned instead of a new array. Raises IndexError beyond the last
    window.
    """
    shape = (sequence_count(len(tokens), context), context + 1)
    # A view of overlapping rows; as_strided would do the same at five times the cost of the whole call.
    windows: Tokens = np.ndarray(shape, tokens.dtype, tokens, strides=(context * tokens.itemsize, tokens.itemsize))
    if out is None:
        return windows[indices].astype(np.int64)
    out[...] = windows[indices]
    return out


def sequence_indices(seed: int, first: int, count: int, windows: int) -> Indices:
    """Windows at positions first … first + count - 1 of the order in which a run reads them, shape [count].

    Epoch e = position // windows visits each window exactly once, in a permutation keyed by (seed, e). So the order
    depends neither on the size of a batch nor on the number of workers, and can be resumed anywhere. The permutation is
    a Feistel network over the mixed radix a · b ≥ windows, with cycle walking (Black & Rogaway 2002, methods 2 and 3).
    A call takes some 0.2 ms for any count up to a thousand: fetch the positions of many steps at once.

    Raises ShardError where there is no window.
    """
    if windows < 1:
        raise ShardError(f"the corpus has {windows} whole windows: give more text or a shorter context")
    positions = np.arange(first, first + count, dtype=_U64)
    size = _U64(windows)
    keys = _mix(_mix(np.full(count, seed & (2**64 - 1), dtype=_U64)) + positions // size)
    radices = _radices(windows)
    order = _feistel(positions % size, keys, radices)
    outside = np.flatnonzero(order >= size)
    while outside.size:
        order[outside] = _feistel(order[outside], keys[outside], radices)
        outside = outside[order[outside] >= size]
    return order.astype(np.int64)


def keyed_words(seed: int, first: int, count: int) -> Words:
    """Words at places first … first + count - 1 of a sequence that its seed selects, shape [count]."""
    return _mix(_mix(np.full(count, ~seed & (2**64 - 1), dtype=_U64)) + np.arange(first, first + count, dtype=_U64))


def _radices(windows: int) -> tuple[int, int]:
    """(a, b) with a · b ≥ windows, as close as two nearly equal factors allow, so that few positions have to walk."""
    a = math.isqrt(windows - 1) + 1
    return a, -(-windows // a)


def _feistel(numbers: Words, keys: Words, radices: tuple[int, int]) -> Words:
    """Each number under the bijection of range(a · b) that its key selects, [count] to [count]."""
    a, b = _U64(radices[0]), _U64(radices[1])
    left, right = numbers // b, numbers % b
    for number in range(_ROUNDS):
        noise = _mix(_mix(keys + _U64(number)) + (right if number % 2 == 0 else left))
        if number % 2 == 0:
            left = (left + noise % a) % a
        else:
            right = (right + noise % b) % b
    return left * b + right


def _mix(words: Words) -> Words:
    """SplitMix64's finaliser (Steele, Lea & Flood 2014): a bijection of 64-bit words; wraps around."""
    words = words + _U64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> _U64(30))) * _U64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> _U64(27))) * _U64(0x94D049BB133111EB)
    return words ^ (words >> _U64(31))

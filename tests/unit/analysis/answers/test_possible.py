"""Whatever is asked, of whatever law: an answer that can be, inside its interval, or a typed refusal."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.answers import draws
from analysis.answers.ask import Question, Reply, ask, reply_json
from analysis.devices import hardware
from analysis.law import Law, fit
from analysis.records import Interval, LawError, OutOfReachError
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import Floats, hoffmann, skewed, small, sweep

LAWS = ("small", "large", "skewed", "tiny", "bad")
CHEAP = ("flops", "gpu_hours", "loss", "size", "too_small", "model")
DEAR = ("size_for_loss", "max_tokens", "inference", "inference_for_loss")
"""Questions that draw surfaces again and again."""


@pytest.fixture(autouse=True, scope="module")
def few_draws() -> Iterator[None]:
    """A quarter of the draws: what is tested here holds with any number of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draws, "DRAWS", 100)
        yield


@cache
def law_of(name: str) -> Law:
    """A law of runs of another scale, or of few and noisy ones."""
    frames: Mapping[str, Any] = {
        "small": lambda: sweep(small, (1e11, 2e11, 5e11), noise=0.01, repeats=3),
        "large": lambda: sweep(hoffmann, noise=0.003),
        "skewed": lambda: sweep(skewed, (1e18, 4e18, 1.6e19, 6.4e19), noise=0.005),
        "tiny": lambda: sweep(small, (1e9, 2e9, 4e9), noise=0.1, sizes=5),
        "bad": lambda: sweep(small, (1e11, 1.3e11, 1.7e11), noise=0.06, sizes=5, seed=3),
    }
    return fit(RunTable.from_frame(frames[name](), loss_unit="nats/token"), holdout=False)


def question_of(kind: str, first: float, second: float) -> Question:
    """A question of a kind about two positive numbers."""
    made: Mapping[str, Mapping[str, Any]] = {
        "flops": {"flops": first},
        "gpu_hours": {"gpu_hours": first, "hardware": hardware("h100")},
        "loss": {"loss": first},
        "size": {"flops": first, "params": second},
        "too_small": {"flops": first, "times_too_small": second},
        "model": {"params": first, "tokens": second},
        "size_for_loss": {"loss": first, "params": second},
        "max_tokens": {"flops": first, "max_tokens": second},
        "inference": {"flops": first, "inference_tokens": second},
        "inference_for_loss": {"loss": first, "inference_tokens": second},
    }
    return Question(**made[kind])


def check(reply: Reply) -> None:
    """Raise AssertionError unless every figure of a reply can be, and lies inside its interval."""
    q, p, a = reply.question, reply.prediction, reply.answer
    given = {a.params, q.tokens} if a and (q.params or q.times_too_small) else set()
    if a and given and q.loss is None:
        given.add(a.tokens)
    pairs = [(p.flops, reply.flops_interval)]
    for one in (p, a) if a else (p,):
        pairs += [(one.params, one.params_interval), (one.tokens, one.tokens_interval), (one.loss, one.loss_interval)]
        pairs += [(one.loss, one.run_interval)]
        assert one.run_interval is not None and one.run_interval.low >= 0
        assert one.params / 30.001 <= one.params_interval.low and one.params_interval.high <= 30.001 * one.params
        assert one.params >= 1 and one.tokens >= 1 and one.loss > 0
        assert one.params_interval.low >= 1 and one.tokens_interval.low >= 1 and one.loss_interval.low >= 0
    known = [(value, interval) for value, interval in pairs if interval is not None]
    assert len(known) >= 3
    for value, interval in known:
        _inside(value, interval, zero_width=value in given)
    details = list(a.details.values()) if a else []
    assert all(math.isfinite(value) for value in details)
    json.dumps(reply_json(reply), allow_nan=False)


def _inside(value: float, interval: Interval, *, zero_width: bool) -> None:
    assert math.isfinite(interval.low) and math.isfinite(interval.high)
    assert interval.low <= value <= interval.high
    assert zero_width or interval.low < interval.high


def _numbers(*around: float) -> st.SearchStrategy[float]:
    """Any positive number, and more often one where a law may answer."""
    near = st.floats(around[0], around[1]).map(lambda power: 10.0**power)
    return st.one_of(near, near, st.floats(-300, 300).map(lambda power: 10.0**power))


def _asked(kinds: tuple[str, ...]) -> st.SearchStrategy[tuple[str, float, float]]:
    def of(kind: str) -> st.SearchStrategy[tuple[str, float, float]]:
        first = _numbers(-0.7, 1.2) if "loss" in kind else _numbers(2, 10) if kind == "model" else _numbers(5, 26)
        first = _numbers(-14, 5) if kind == "gpu_hours" else first
        return st.tuples(st.just(kind), first, _numbers(-3, 4) if kind == "too_small" else _numbers(0, 16))

    return st.sampled_from(kinds).flatmap(of)


def _answer_or_refuse(name: str, asked: tuple[str, float, float]) -> None:
    try:
        reply = ask(law_of(name), question_of(*asked))
    except OutOfReachError as error:
        assert "sk " in str(error) or "Check the units" in str(error), "what could be asked instead"
        bounds = [end for end in (error.lowest, error.highest) if end is not None]
        assert all(math.isfinite(end) and end > 0 for end in bounds)
        return
    check(reply)


@pytest.mark.parametrize("name", LAWS)
@settings(max_examples=60, deadline=None)
@given(asked=_asked(CHEAP))
def test_any_budget_size_or_loss_is_answered_possibly_or_refused(name: str, asked: tuple[str, float, float]) -> None:
    _answer_or_refuse(name, asked)


@pytest.mark.parametrize("name", LAWS)
@settings(max_examples=8, deadline=None)
@given(asked=_asked(DEAR))
def test_any_constraint_is_answered_possibly_or_refused(name: str, asked: tuple[str, float, float]) -> None:
    _answer_or_refuse(name, asked)


def near_zero(params: Floats, tokens: Floats) -> Floats:
    """Losses of a few hundredths to a half, about which noise may reach below zero."""
    return np.asarray(hoffmann(params, tokens) - 1.68)


@st.composite
def _any_law(draw: st.DrawFn) -> Law:
    """A law of runs of any of these worlds, more or less noisy, of few budgets close together or far apart."""
    truth, start = draw(st.sampled_from(((small, 1e11), (hoffmann, 1e18), (skewed, 1e18), (near_zero, 1e18))))
    ratio = draw(st.floats(1.2, 5))
    budgets = tuple(start * ratio**step for step in range(draw(st.integers(3, 5))))
    noise = 10 ** draw(st.floats(-4, -0.7))
    frame = sweep(truth, budgets, noise=noise, sizes=draw(st.integers(5, 8)), seed=draw(st.integers(0, 10**6)))
    return fit(RunTable.from_frame(frame[frame.loss > 0], loss_unit="nats/token"), holdout=False)


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(law=_any_law(), multiples=st.lists(st.floats(-4, 6), min_size=1, max_size=8), off=st.floats(-2.5, 2.5))
def test_any_law_answers_possibly_or_refuses(law: Law, multiples: list[float], off: float) -> None:
    minima = sum(bool(curve.minima) for curve in law.curves)
    assert minima >= 2 or not law.estimators
    for power in multiples:
        flops = law.largest_budget * 10**power
        for question in (Question(flops=flops), Question(flops=flops, times_too_small=10**off)):
            try:
                reply = ask(law, question)
            except LawError as error:
                assert error.kind in ("out-of-reach", "no-law") and str(error)
                assert isinstance(error, OutOfReachError) or not law.estimators
                continue
            check(reply)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("flops", 1.0, 0.0),
        ("flops", 1e40, 0.0),
        ("flops", 1e300, 0.0),
        ("gpu_hours", 1e9, 0.0),
        ("gpu_hours", 1e300, 0.0),
        ("gpu_hours", 1e-300, 0.0),
        ("loss", 50.0, 0.0),
        ("loss", 1e-4, 0.0),
        ("model", 1e300, 1e300),
        ("model", 1e-300, 1e-300),
        ("model", 1e-3, 1e15),
    ],
)
def test_what_no_law_can_tell_is_refused(name: str, kind: str, first: float, second: float) -> None:
    with pytest.raises(OutOfReachError, match="Ask "):
        ask(law_of(name), question_of(kind, first, second))


@pytest.mark.parametrize("name", LAWS)
def test_the_ends_that_a_refusal_names_are_answered(name: str) -> None:
    law = law_of(name)
    for kind, far in (("flops", 1e60), ("gpu_hours", 1e60), ("loss", 1e60)):
        with pytest.raises(OutOfReachError) as caught:
            ask(law, question_of(kind, far, 0.0))
        assert caught.value.quantity == kind
        for end in (caught.value.lowest, caught.value.highest):
            assert end is not None
            check(ask(law, question_of(kind, end, 0.0)))


@pytest.mark.parametrize("name", LAWS)
def test_the_sizes_that_a_refusal_names_are_answered(name: str) -> None:
    law = law_of(name)
    budget = law.largest_budget
    for kind in ("size", "too_small"):
        with pytest.raises(OutOfReachError) as caught:
            ask(law, question_of(kind, budget, 1e60))
        assert caught.value.lowest is not None and caught.value.highest is not None
    check(ask(law, question_of("size", budget, law.predict(budget).params * 1.5)))

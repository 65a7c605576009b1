"""Divergence is judged by where the loss goes: a table of courses of a loss, and the exact thresholds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from model.divergence import JUDGED_EVERY, LOSS_WINDOW, typical_loss, why_diverged
from model.train import Diverged, train
from model.transformer import Transformer
from tests.unit.model.model_data import ignore, small_run
from tokenizer.shards import Shards

GUESS = math.log(1024)
NOISE = np.random.default_rng(0).normal(0, 0.1, LOSS_WINDOW)
"""Of a run's losses from step to step."""
LINE = np.arange(LOSS_WINDOW) / (LOSS_WINDOW - 1)
"""From 0 to 1 over the window."""


def spike(steps: int, height: float = 100.0, end: int = LOSS_WINDOW) -> np.ndarray:
    """What is added to a window's losses by a spike of some steps that ends at `end`."""
    index = np.arange(LOSS_WINDOW)
    return np.where((index >= end - steps) & (index < end), height, 0.0)


@pytest.mark.parametrize(
    ("losses", "best", "diverged"),
    [
        pytest.param(3.0 + NOISE, 3.0, False, id="learning"),
        pytest.param(100 - 60 * LINE + NOISE, 40.0, False, id="falling from 100"),
        pytest.param(41 - 0.5 * LINE + NOISE, 40.5, False, id="falling slowly, far above a guess"),
        pytest.param(100 - 60 * LINE, 40.0, False, id="falling without noise"),
        pytest.param(9 - 1.0 * LINE + NOISE, 3.0, False, id="recovering"),
        pytest.param(3 + 6 * LINE + NOISE, 3.0, False, id="rising, still near the best for half a window"),
        pytest.param(7 + 2 * LINE + NOISE, 3.0, True, id="rising from 3 to 9"),
        pytest.param(9.0 + NOISE, 3.0, True, id="has risen from 3 to 9"),
        pytest.param(np.where(LINE < 0.15, 3.0, 9.0) + NOISE, 3.0, True, id="high for most of both halves"),
        pytest.param(50.0 + NOISE, 49.9, True, id="stuck far above a guess"),
        pytest.param(np.full(LOSS_WINDOW, 50.0), 50.0, True, id="constant far above a guess"),
        pytest.param(GUESS + 0.2 + NOISE, GUESS + 0.1, False, id="nothing learned yet"),
        pytest.param(5.5 + NOISE, 3.0, True, id="below a guess, more than half of what was learned is lost"),
        pytest.param(4.5 + NOISE, 3.0, False, id="below a guess, less than half is lost"),
        pytest.param(3 + NOISE + spike(30), 3.0, False, id="a spike that lasts"),
        pytest.param(3 + NOISE + spike(90, end=100), 3.0, False, id="a long spike, recovered"),
        pytest.param(3 + NOISE + spike(5), 3.0, False, id="a short spike at the end"),
        pytest.param(np.where(LINE == 1, np.nan, 3.0), 3.0, True, id="NaN"),
        pytest.param(np.where(LINE == 0, np.inf, 3.0), 3.0, True, id="infinite once"),
    ],
)
def test_where_the_loss_goes(losses: np.ndarray, best: float, diverged: bool) -> None:
    assert (why_diverged(losses.tolist(), best, GUESS) is not None) is diverged


@pytest.mark.parametrize(
    ("best", "limit"),
    [
        (GUESS + 3, GUESS + 0.5),  # a guess counts, however bad the best
        (GUESS - 0.1, GUESS + 0.5),  # 2 nats above the best are more than half a nat above a guess
        (GUESS - 3, GUESS - 1),  # 2 nats above the best
        (GUESS - 6, GUESS - 3),  # half of what was learned
    ],
)
def test_the_limit_is_the_guess_or_what_is_lost_of_the_best(best: float, limit: float) -> None:
    flat = np.ones(LOSS_WINDOW)
    assert why_diverged((flat * (limit - 0.01)).tolist(), best, GUESS) is None
    assert why_diverged((flat * (limit + 0.01)).tolist(), best, GUESS) is not None


@pytest.mark.parametrize("late", [False, True])
def test_both_halves_must_be_too_high(late: bool) -> None:
    half = np.full(JUDGED_EVERY, 9.0)
    window = [half * 0 + 3, half] if late else [half, half * 0 + 3]
    assert why_diverged(np.concatenate(window).tolist(), 3.0, GUESS) is None


@pytest.mark.parametrize(("correlation", "diverged"), [(-0.25, False), (-0.15, True), (0.5, True)])
def test_falling_is_a_trend_beyond_the_noise(correlation: float, diverged: bool) -> None:
    """Losses whose correlation with the step is exactly the one given, whatever their scale."""
    line = LINE - LINE.mean()
    rest = NOISE - NOISE.mean()
    rest -= line * (rest @ line) / (line @ line)
    part, other = line / np.linalg.norm(line), rest / np.linalg.norm(rest)
    shape = correlation * part + math.sqrt(1 - correlation**2) * other
    assert (why_diverged((20 + 5 * shape).tolist(), 3.0, GUESS) is not None) is diverged


def test_the_typical_loss_ignores_spikes() -> None:
    assert typical_loss([3.0, 1.0, 1000.0]) == 3.0


def test_the_reason_has_the_last_loss_the_guess_and_the_best() -> None:
    why = why_diverged([9.0] * LOSS_WINDOW, 3.25, GUESS)
    assert why == "the training loss is 9.000 and does not fall; a uniform guess has 6.931, its best was 3.250"


def test_not_finite_loss_is_divergence(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Transformer.loss
    calls = iter(range(100))
    monkeypatch.setattr(Transformer, "loss", lambda *args: honest(*args) * (float("nan") if next(calls) == 5 else 1.0))
    with pytest.raises(Diverged, match="nan at step 6"):
        train(small_run(data), data, ignore)


def test_loss_far_above_a_guess_is_divergence(data: Shards) -> None:
    with pytest.raises(Diverged, match="uniform guess"):
        train(small_run(data, sequences=4 * 400, lr=100.0, clip=0.0, weight_decay=0.0, cooldown=0.0), data, ignore)


def test_a_run_that_recovers_is_no_divergence(data: Shards) -> None:
    """Its learning rate throws it to a loss of 80 during warmup; the mean over a window would condemn it."""
    result = train(small_run(data, sequences=4 * 300, lr=3.0, clip=0.0, weight_decay=0.0), data, ignore)
    assert result.loss < 6


def test_healthy_run_is_not_divergence(data: Shards) -> None:
    result = train(small_run(data, sequences=4 * 300, lr=0.01), data, ignore)
    assert result.steps == 300
    assert result.train_loss < 0.5 * math.log(64)

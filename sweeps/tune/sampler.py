"""Asks Optuna for settings to try; it alone uses Optuna, whose answers follow from the trials so far and a seed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

Array = NDArray[np.float64]


def spread_points(spans: Array, count: int, seed: int) -> Array:
    """Points of a scrambled Sobol sequence between -spans and +spans, a row each."""
    from optuna.samplers import QMCSampler

    with _quietly():
        sampler = QMCSampler(qmc_type="sobol", scramble=True, seed=seed, warn_independent_sampling=False)
        return _asked(sampler, np.empty((0, len(spans))), [], spans, count)


def promising_points(seen: Array, regrets: Sequence[float], spans: Array, count: int, seed: int) -> Array:
    """Points where little regret is expected, by tree-structured Parzen estimators, a row each.

    Args:
        seen: points of the trials so far, a row each; those beyond the spans count at their ends.
        regrets: how much each lost, nats per token.
        spans: how far points reach to each side of 0.
        count: points that are asked for at once; each counts as a bad one for the next, which keeps them apart.
        seed: of the sampler.
    """
    from optuna.samplers import TPESampler

    with _quietly():
        sampler = TPESampler(seed=seed, multivariate=True, constant_liar=True, n_startup_trials=0)
        return _asked(sampler, np.clip(seen, -spans, spans), regrets, spans, count)


def _asked(sampler: BaseSampler, seen: Array, regrets: Sequence[float], spans: Array, count: int) -> Array:
    """The points that a sampler asks for, given trials; its study lives in memory alone."""
    import optuna

    space: dict[str, BaseDistribution] = {
        str(i): optuna.distributions.FloatDistribution(-float(s), float(s)) for i, s in enumerate(spans)
    }
    study = optuna.create_study(sampler=sampler, storage=optuna.storages.InMemoryStorage())
    for point, regret in zip(seen, regrets, strict=True):
        params = {str(i): float(value) for i, value in enumerate(point)}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=space, value=float(regret)))
    found = [study.ask(space).params for _ in range(count)]
    return np.array([[params[key] for key in space] for params in found]).reshape(count, len(spans))


@contextmanager
def _quietly() -> Iterator[None]:
    """Without Optuna's lines about studies and its warnings that samplers are experimental."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)

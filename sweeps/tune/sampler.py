"""Asks Optuna for trials; alone uses it. Every answer follows from the trials so far and a seed: no storage, no clock."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def spread_points(spans: Array, count: int, seed: int) -> Array:
    """Points of a scrambled Sobol sequence between -spans and +spans, a row each."""
    from optuna.samplers import QMCSampler

    with _quiet():
        sampler = QMCSampler(qmc_type="sobol", scramble=True, seed=seed, warn_independent_sampling=False)
        return _asked(sampler, [], [], spans, count)


def promising_points(seen: Array, regrets: Sequence[float], spans: Array, count: int, seed: int) -> Array:
    """Points where little regret is expected, by tree-structured Parzen estimators, a row each.

    Args:
        seen: points of the trials so far, a row each; those beyond the spans are taken at their ends.
        regrets: how much each lost, nats per token.
        spans: how far points reach to each side of 0.
        count: points that are asked for at once; each counts as a bad one for the next, which keeps them apart.
        seed: of the sampler.
    """
    from optuna.samplers import TPESampler

    with _quiet():
        sampler = TPESampler(seed=seed, multivariate=True, constant_liar=True, n_startup_trials=0)
        return _asked(sampler, np.clip(seen, -spans, spans), regrets, spans, count)


def _asked(sampler, seen, regrets, spans: Array, count: int) -> Array:
    import optuna

    space = {str(i): optuna.distributions.FloatDistribution(-float(s), float(s)) for i, s in enumerate(spans)}
    study = optuna.create_study(sampler=sampler, storage=optuna.storages.InMemoryStorage())
    for point, regret in zip(seen, regrets, strict=True):
        params = {str(i): float(v) for i, v in enumerate(point)}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=space, value=float(regret)))
    found = [study.ask(space).params for _ in range(count)]
    return np.array([[each[str(i)] for i in range(len(spans))] for each in found])


def _quiet():
    import contextlib

    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    stack = contextlib.ExitStack()
    stack.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore")
    return stack

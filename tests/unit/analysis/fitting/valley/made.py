"""Tables and parameters with a known valley, for the tests of its modules."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from analysis.fitting.forms import bent
from analysis.fitting.surface import Origin
from analysis.fitting.valley.form import FIXED, ValleyTheta
from analysis.fitting.valley.hyper import MEDIAN, Scales
from analysis.fitting.valley.model import Prediction, ValleyModel
from analysis.fitting.valley.posterior import Valley, learn
from analysis.fitting.valley.rows import Whole
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import Floats, Truth, skewed

BUDGETS = (1e18, 3e18, 1e19, 3e19, 1e20)
THETA = ValleyTheta(
    level=2.9, log_slope=np.log(0.18), flattening=0.3, depth=0.2, narrowing=0.05, n0=0.1, exponent=0.45,
    log_p=np.log(0.5), log_q=np.log(0.25), p_trend=0.03, q_trend=-0.02,
)  # fmt: skip
"""A valley that is like no special case."""


def falling(params: Floats, tokens: Floats) -> Floats:
    """A skewed valley whose exponent of N* falls by a tenth for each unit of ln C, as Llama 3's does."""
    log_c = np.log(6 * params * tokens / 1e19)
    u = np.log(params / 2.3e8) - 0.5 * bent(np.array(0.1), log_c)[0]
    return 1.7 + 1.3 * np.exp(-0.155 * log_c) * (0.3 * np.exp(-0.35 * u) + 0.35 * np.exp(0.3 * u)) / 0.65


def shared_sizes(noise: float = 0.003, *, truth: Truth = skewed, seed: int = 0, repeats: int = 1) -> RunTable:
    """Five budgets whose sizes come from one ladder, every run `repeats` times."""
    generator = np.random.default_rng(seed)
    ladder = 2.3e8 * np.exp(0.35 * np.arange(-10, 11))
    rows = []
    for flops in BUDGETS:
        middle = int(np.argmin(np.abs(np.log(ladder / 2.3e8) - 0.45 * np.log(flops / 1e19))))
        for params in ladder[middle - 3 : middle + 4]:
            tokens = flops / 6 / params
            for repeat in range(repeats):
                loss = float(truth(params, tokens)) + generator.normal(0, noise)
                rows.append({"flops": flops, "params": params, "tokens": tokens, "loss": loss, "seed": repeat})
    return RunTable.from_frame(pd.DataFrame(rows))


def origin(table: RunTable) -> Origin:
    return Origin.of(table.params, table.tokens, table.flops)


def model(table: RunTable | None = None) -> ValleyModel:
    table = table or shared_sizes(repeats=2)
    return ValleyModel.of(table, origin(table))


def learnt(table: RunTable) -> Valley:
    return learn(table, origin(table))


def scales(**changes: float) -> Scales:
    """The scales' prior medians with noise of 0.01, and changes, all given as they are and not as logarithms."""
    return Scales(*np.log(MEDIAN._replace(noise=0.01)._replace(**changes)).tolist())


def parameters(model: ValleyModel, spread: float = 0.05, seed: int = 0) -> Floats:
    """Parameters (P,) about `THETA`, none of them zero."""
    beta = np.random.default_rng(seed).normal(0, spread, model.parameters)
    beta[:FIXED] += THETA
    return beta


def jacobian(found: Prediction) -> Floats:
    """The derivatives of a small table's losses, (n, P)."""
    assert isinstance(found.rows, Whole)
    return found.rows.matrix


def slopes(function: Callable[[Floats], Floats], at: Floats, step: float = 1e-6) -> Floats:
    """Central differences of a function (P,) → (…,), stacked along the last axis: (…, P)."""
    moves = step * np.eye(len(at))
    return np.stack([(function(at + move) - function(at - move)) / (2 * step) for move in moves], axis=-1)

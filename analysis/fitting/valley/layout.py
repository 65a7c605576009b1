"""How the losses of runs depend on the valley's parameters, its walks beyond the budgets, and new budgets and sizes.

About one maximum of the evidence the model is linear: a run's loss is its prediction there plus its row times the
deviation of the state. The state is the fit's own P parameters, the steps of both walks beyond the budgets, an offset,
a tilt and the two sides of every new budget, and an offset of every new size; all but the first have means of zero and
variances that the scales give. Shape legend: n runs, P fitted parameters, Q all of the state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.forms import bent
from analysis.fitting.valley.form import FIXED, ValleyTheta, derivatives, height
from analysis.fitting.valley.hyper import Scales
from analysis.fitting.valley.model import ValleyModel

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SAME_BUDGET, SAME_SIZE = 0.02, 0.005
"""Distances in ln C and ln N within which a run is of a fitted budget, or of a size that several runs had."""
NEW = ("beyond_path", "beyond_floor", "offset", "tilt", "left", "right", "size")
"""The kinds of what is added to the fitted parameters, in their order."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Runs about one vector of parameters."""

    model: ValleyModel
    """The fitted table's model."""
    rows: Floats
    """d loss / d state, shape (n, Q)."""
    loss: Floats
    """Predicted there, shape (n,)."""
    height: Floats
    """Above the valley's floor, shape (n,)."""
    off_path: Floats
    """ln N − ln N* of the run's budget, shape (n,)."""
    added: Floats
    """What the run's own budget and size add to the form's loss, shape (n,)."""
    known: Mask
    """Whether its budget is one of those that were fitted, shape (n,)."""
    sizes: tuple[int, ...]
    """How many there are of each kind of NEW."""

    @classmethod
    def of(cls, model: ValleyModel, beta: Floats, params: Floats, flops: Floats, budget: Floats) -> Layout:
        """Lay out runs of N, C and budgets (n,) about parameters (P,)."""
        at, walk = model.blocks, model.form.walk
        theta = ValleyTheta(*beta[at["fixed"]].tolist())
        x, c = np.log(params) - model.origin.n, np.log(flops) - model.origin.c
        steps = walk.rows(c)
        inside, beyond = steps[:, : walk.inside], steps[:, walk.inside :]
        budgets, new_budgets = _known_or_new(model.log_budgets, np.log(budget) - model.origin.c, SAME_BUDGET)
        sizes, new_sizes = _known_or_new(model.log_sizes, x, SAME_SIZE)
        known = np.asarray(budgets.any(axis=1))
        u = x - theta.n0 - theta.exponent * c - inside @ beta[at["path"]]
        offset, tilted, left, right = (budgets @ beta[at[name]] for name in ("offset", "tilt", "left", "right"))
        above = height(theta._replace(log_p=theta.log_p + left, log_q=theta.log_q + right), u, c)
        tilt = (x - np.where(known, budgets @ model.tilt_centres, x - u)) / model.tilt_spread
        slope, walked = float(np.exp(theta.log_slope)), inside @ beta[at["floor"]]
        shares = (1.0, tilt[:, None], above.by_p[:, None], above.by_q[:, None])
        along = -above.along[:, None]
        rows = (
            derivatives(theta, c, walked, above),
            along * inside,
            slope * inside,
            *(share * budgets for share in shares),
            sizes,
            along * beyond,
            slope * beyond,
            *(share * new_budgets for share in shares),
            new_sizes,
        )
        floor = theta.level - slope * (bent(np.asarray(theta.flattening), c)[0] - walked)
        shared = offset + tilt * tilted + sizes @ beta[at["size"]]
        return cls(
            model=model,
            rows=np.concatenate(rows, axis=1),
            loss=np.asarray(floor + above.height + shared),
            height=above.height,
            off_path=u,
            added=above.height - height(theta, u, c).height + shared,
            known=known,
            sizes=(beyond.shape[1], beyond.shape[1], *[new_budgets.shape[1]] * 4, new_sizes.shape[1]),
        )

    def variances(self, scales: Scales, unseen: float) -> Floats:
        """Variances (Q − P,) a priori of what is added to the fitted parameters.

        `unseen` is the drift of the floor's slope that the budgets cannot show.
        """
        by_kind = {
            "beyond_path": np.exp(2 * (scales.exponent_drift + scales.misfit)),
            "beyond_floor": np.exp(2 * (scales.slope_drift + scales.misfit)) + unseen**2,
            "offset": np.exp(2 * (scales.noise + scales.offset)),
            "tilt": np.exp(2 * (scales.noise + scales.tilt)),
            "left": np.exp(2 * (scales.misfit + scales.sides)),
            "right": np.exp(2 * (scales.misfit + scales.sides)),
            "size": np.exp(2 * (scales.noise + scales.size)),
        }
        return np.repeat([float(by_kind[kind]) for kind in NEW], self.sizes)

    def answers(self, beta: Floats, log_c: float) -> tuple[Floats, Floats]:
        """ln N* and L* (2,) at ln C − origin for parameters (P,), and their derivatives by the state, (2, Q)."""
        form, at = self.model.form, self.model.blocks
        every, inside, fitted = len(form.walk.knots), form.walk.inside, self.model.parameters
        theta, c = np.zeros(FIXED + 2 * every), np.array([log_c])
        theta[:FIXED] = beta[at["fixed"]]
        theta[FIXED : FIXED + inside] = beta[at["path"]]
        theta[FIXED + every : FIXED + every + inside] = beta[at["floor"]]
        gradients = np.concatenate(form.gradients(theta, c))
        path, floor = gradients[:, FIXED : FIXED + every], gradients[:, FIXED + every :]
        beyond = every - inside
        found = np.zeros((2, self.rows.shape[1]))
        found[:, at["fixed"]] = gradients[:, :FIXED]
        found[:, at["path"]], found[:, at["floor"]] = path[:, :inside], floor[:, :inside]
        found[:, fitted : fitted + beyond] = path[:, inside:]
        found[:, fitted + beyond : fitted + 2 * beyond] = floor[:, inside:]
        values = form.path(theta[None], c)[0, 0] + self.model.origin.n, form.floor(theta[None], c)[0, 0]
        return np.array(values), found


def _known_or_new(known: Floats, at: Floats, within: float) -> tuple[Floats, Floats]:
    """Which runs (n,) have which known logarithm, (n, K), and which share which new one, (n, new)."""
    indicator = np.zeros((len(at), len(known)))
    found = np.zeros(len(at), dtype=bool)
    if len(known):
        nearest = np.abs(known[None] - at[:, None]).argmin(axis=1)
        found = np.abs(known[nearest] - at) <= within
        indicator[np.flatnonzero(found), nearest[found]] = 1
    labels = np.full(len(at), -1)
    order = np.flatnonzero(~found)[np.argsort(at[~found], kind="stable")]
    if len(order):
        labels[order] = np.concatenate([[0], np.cumsum(np.diff(at[order]) > within)])
    return indicator, np.asarray(labels[:, None] == np.arange(labels.max() + 1)[None], dtype=float)

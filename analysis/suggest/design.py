"""How a run's loss depends on the valley's parameters, its walks beyond the budgets, and new budgets and sizes.

About one maximum of the evidence the model is linear: a run's loss is its prediction there plus its row times the
deviation of the state. The state is the fit's own P parameters, the steps of both walks beyond the budgets, an offset,
a tilt and the two sides of every new budget, and an offset of every new size; all but the first have means of zero and
variances that the scales give. Shape legend: n cells, P fitted parameters, Q all of the state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.forms import bent
from analysis.fitting.valley.form import FIXED, ValleyTheta, derivatives, height
from analysis.fitting.valley.hyper import Scales
from analysis.fitting.valley.model import ValleyModel
from analysis.fitting.valley.runs import SAME_BUDGET, SAME_SIZE
from analysis.suggest.cells import Cells

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

NEW = ("beyond_path", "beyond_floor", "offset", "tilt", "left", "right", "size")
"""The kinds of what is added to the fitted parameters, in their order."""


@dataclass(frozen=True, eq=False)
class Design:
    """The cells about one maximum of the evidence."""

    model: ValleyModel
    """The fitted table's model."""
    rows: Floats
    """d loss / d state, shape (n, Q)."""
    loss: Floats
    """Predicted there, shape (n,)."""
    height: Floats
    """Above the valley's floor, shape (n,)."""
    off_path: Floats
    """ln N − ln N* of the cell's budget, shape (n,)."""
    sizes: tuple[int, ...]
    """How many there are of each kind of NEW."""

    @classmethod
    def of(cls, model: ValleyModel, beta: Floats, cells: Cells) -> Design:
        """Lay out cells about parameters (P,)."""
        at, walk = model.blocks, model.form.walk
        theta = ValleyTheta(*beta[at["fixed"]].tolist())
        x, c = np.log(cells.params) - model.origin.n, np.log(cells.flops) - model.origin.c
        steps = walk.rows(c)
        inside, beyond = steps[:, : walk.inside], steps[:, walk.inside :]
        budgets, new_budgets = _known_or_new(model.log_budgets, np.log(cells.budget) - model.origin.c, SAME_BUDGET)
        sizes, new_sizes = _known_or_new(model.log_sizes, x, SAME_SIZE)
        u = x - theta.n0 - theta.exponent * c - inside @ beta[at["path"]]
        named = {
            name: (budgets if name != "size" else sizes) @ beta[at[name]]
            for name in ("offset", "tilt", "left", "right", "size")
        }
        sides = theta._replace(log_p=theta.log_p + named["left"], log_q=theta.log_q + named["right"])
        above = height(sides, u, c)
        walked = inside @ beta[at["floor"]]
        centre = np.where(budgets.any(axis=1), budgets @ model.tilt_centres, x - u)
        tilt = (x - centre) / model.tilt_spread
        slope = float(np.exp(theta.log_slope))
        shares = {"offset": 1.0, "tilt": tilt[:, None], "left": above.by_p[:, None], "right": above.by_q[:, None]}
        along = -above.along[:, None]
        blocks = (
            derivatives(theta, c, walked, above),
            along * inside,
            slope * inside,
            *(share * budgets for share in shares.values()),
            sizes,
            along * beyond,
            slope * beyond,
            *(share * new_budgets for share in shares.values()),
            new_sizes,
        )
        floor = theta.level - slope * (bent(np.asarray(theta.flattening), c)[0] - walked)
        counts = (beyond.shape[1], beyond.shape[1], *[new_budgets.shape[1]] * 4, new_sizes.shape[1])
        return cls(
            model=model,
            rows=np.concatenate(blocks, axis=1),
            loss=np.asarray(floor + above.height + named["offset"] + tilt * named["tilt"] + named["size"]),
            height=above.height,
            off_path=u,
            sizes=counts,
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

    def answers(self, theta: Floats, log_c: float) -> Floats:
        """d (ln N*, L*) / d state, (2, Q), at ln C − origin by the form's parameters."""
        walk, at = self.model.form.walk, self.model.blocks
        gradients = np.concatenate(self.model.form.gradients(theta, np.array([log_c])))
        every, fitted = len(walk.knots), self.model.parameters
        beyond = every - walk.inside
        found = np.zeros((2, self.rows.shape[1]))
        path, floor = gradients[:, FIXED : FIXED + every], gradients[:, FIXED + every :]
        found[:, at["fixed"]] = gradients[:, :FIXED]
        found[:, at["path"]], found[:, at["floor"]] = path[:, : walk.inside], floor[:, : walk.inside]
        found[:, fitted : fitted + beyond] = path[:, walk.inside :]
        found[:, fitted + beyond : fitted + 2 * beyond] = floor[:, walk.inside :]
        return found


def _known_or_new(known: Floats, at: Floats, within: float) -> tuple[Floats, Floats]:
    """Which cells (n,) have which known logarithm, (n, K), and which share which new one, (n, new)."""
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

"""Other counts of a model's parameters, as functions of the N that a law is fitted in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

COLUMNS = ("params_total", "params_nonembedding")
"""Columns of a table that hold the other counts of its models."""


@dataclass(frozen=True)
class Counts:
    """Ratios to N through nodes, interpolated in ln N and held at the outermost beyond them."""

    log_params: tuple[float, ...]
    """ln N of the nodes, ascending."""
    log_total: tuple[float, ...]
    """ln of all parameters over N."""
    log_nonembedding: tuple[float, ...]
    """ln of the parameters without embedding and head over N."""

    @classmethod
    def from_nodes(cls, params: Sequence[float], total: Sequence[float], nonembedding: Sequence[float]) -> Counts:
        """Nodes in natural units, in any order; sizes given more than once are averaged."""
        n, all_, body = (np.log(np.asarray(values, dtype=float)) for values in (params, total, nonembedding))
        sizes, inverse = np.unique(np.round(n, 9), return_inverse=True)
        ratios = [np.bincount(inverse, values - n) / np.bincount(inverse) for values in (all_, body)]
        return cls(tuple(sizes.tolist()), tuple(ratios[0].tolist()), tuple(ratios[1].tolist()))

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, params: str = "params") -> Counts | None:
        """From a table that has both `COLUMNS`; None for any other."""
        if not {params, *COLUMNS} <= set(frame.columns):
            return None
        rows = frame[[params, *COLUMNS]].apply(pd.to_numeric, errors="coerce")
        rows = rows[(rows > 0).all(axis=1) & np.isfinite(rows).all(axis=1)]
        return cls.from_nodes(*(rows[name].tolist() for name in (params, *COLUMNS))) if len(rows) else None

    def at(self, params: float) -> dict[str, float]:
        """`params_total` and `params_nonembedding` of a model of N parameters."""
        log_n = float(np.log(params))
        ratios = (self.log_total, self.log_nonembedding)
        return {
            name: params * float(np.exp(np.interp(log_n, self.log_params, ratio)))
            for name, ratio in zip(COLUMNS, ratios, strict=True)
        }

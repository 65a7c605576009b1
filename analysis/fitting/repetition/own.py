"""What a table's own runs say of R*_D and R*_N: each with its interval, and draws of both together."""

# G = points of the grid (ln R*_D, ln R*_N).

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.repetition.published import Worth

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OwnWorth:
    """One R*, as a table's own runs give it."""

    value: float
    """The most likely one."""
    low: float | None
    """Lower end of its 95 % interval; None where the runs do not bound it from below."""
    high: float | None
    """Upper end; None where the runs do not bound it from above."""

    @property
    def known(self) -> bool:
        """Whether the runs bound it at all."""
        return self.low is not None or self.high is not None


@dataclass(frozen=True, eq=False)
class FittedWorth:
    """What a table's own runs say of the worth of repetition."""

    tokens: OwnWorth
    """R*_D."""
    params: OwnWorth
    """R*_N."""
    runs: int
    """Runs that repeat tokens."""
    epochs: float
    """Most passes of a run, over its tokens, that R* describes."""
    worse: Floats
    """Runs that no R* describes, as they do far worse: N/U, passes, and loss above what it says, shape (k, 3)."""
    grid: Floats
    """ln R*_D and ln R*_N of each point, shape (G, 2)."""
    weights: Floats
    """Probability of each point, shape (G,): the likelihood times a weak prior about the published values."""
    spacing: Floats
    """Between neighbouring points, shape (2,)."""

    @property
    def best(self) -> Worth:
        """The most likely worth."""
        return Worth(np.array([[self.tokens.value]]), np.array([[self.params.value]]))

    def overfits(self, params: Floats, tokens: Floats, unique: float) -> NDArray[np.bool_]:
        """Which models (n,) are as bad as some run that did worse than R* says: no fewer N/U, and no fewer passes.

        Beyond the passes that R* was fitted to, a model counts as larger in proportion to its passes.
        """
        passes = tokens / unique
        asked = np.stack([params / unique * np.maximum(passes / self.epochs, 1), passes], axis=-1)
        return np.asarray(np.any(np.all(self.worse[:, :2] <= asked[:, None], axis=2), axis=1))

    def drawn(self, count: int, generator: np.random.Generator) -> Worth:
        """Draws of what the worth may be."""
        chosen = generator.choice(len(self.weights), size=count, p=self.weights)
        logs = self.grid[chosen] + self.spacing * generator.uniform(-0.5, 0.5, (count, 2))
        return Worth(np.exp(logs[:, :1]), np.exp(logs[:, 1:]))

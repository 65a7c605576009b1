"""The worth of repeated tokens and of excess parameters, and how well it is known.

Muennighoff et al. 2023 (Scaling Data-Constrained Language Models), equations 5 and 6. Shape legend: B draws, G models.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting import interval

Floats = NDArray[np.float64]

REPEATED_TOKENS_WORTH = 15.387756
"""R*_D of Muennighoff et al. 2023, appendix A: repetitions after which a token has given 1 − 1/e of what fresh ones
would."""
EXCESS_PARAMETERS_WORTH = 5.309743
"""R*_N of Muennighoff et al. 2023, appendix A: the same for parameters beyond what the unique tokens can fill."""
LOG_WORTH_SD = float(np.log(2))
"""Standard deviation of each ln R*, ours: a factor of two either way. The paper gives no error. Its 182 runs are of two
corpora, all with dropout and a weight decay of 0.1; Lovelace et al. 2026 (Prescriptive Scaling Laws for Data
Constrained Training) find that a stronger weight decay alone changes the harm of repetition by a factor of three."""
WIDENED = float(interval.student(2 * interval.LEAST_FREEDOM)) / interval.NORMAL
"""Factor on the draws' deviations, as on those of the surfaces: that standard deviation is an estimate itself."""
MOST_EPOCHS = 40
"""Epochs beyond which Muennighoff et al. 2023 (section 5) saw no return."""


@dataclass(frozen=True)
class Worth:
    """R* of B draws."""

    tokens: Floats
    """R*_D, shape (B, 1)."""
    params: Floats
    """R*_N, shape (B, 1)."""


PUBLISHED = Worth(np.array([[REPEATED_TOKENS_WORTH]]), np.array([[EXCESS_PARAMETERS_WORTH]]))
"""As published."""


def drawn(count: int, generator: np.random.Generator) -> Worth:
    """Draws of what the worth may be, lognormal about the published values, a little widened.

    Each R* has its exact quantiles, in an order of its own: a Latin hypercube.
    """
    from scipy.special import ndtri

    ranks = np.stack([generator.permutation(count), generator.permutation(count)])[:, :, None]
    tokens, params = np.exp(WIDENED * LOG_WORTH_SD * ndtri((ranks + 0.5) / count))
    return Worth(REPEATED_TOKENS_WORTH * tokens, EXCESS_PARAMETERS_WORTH * params)


def diminished(log_amount: Floats, log_unique: Floats, worth: Floats) -> tuple[Floats, Floats]:
    """ln of what an amount is worth, and ln of how fast that rises: ln(d ln worth / d ln amount); both (B, G).

    Of R = amount/U − 1 repetitions, U + U R* (1 − e^(−R/R*)): equation 5. The second stays finite where the first no
    longer changes.
    """
    repeats = np.maximum(np.expm1(log_amount - log_unique), 0)
    gained = np.log1p(worth * -np.expm1(-repeats / worth))
    return np.minimum(log_amount, log_unique) + gained, np.log1p(repeats) - repeats / worth - gained

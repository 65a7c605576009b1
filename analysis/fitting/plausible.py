"""Whether the exponent of N* can be: a warning that names the usual causes where it was never found so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analysis.names import EstimatorName
from analysis.records import PowerLaw

LOWEST_EXPONENT: Final = 0.3
HIGHEST_EXPONENT: Final = 0.75
"""N* of transformers has been found to grow between these powers of compute: 0.45 to 0.57 where N counts the matrix
products with the head (Hoffmann et al. 2022; Besiroglu et al. 2024; Llama 3; DeepSeek), 0.73 without head and embedding
and with one warmup for all lengths (Kaplan et al. 2020, as Porian et al. 2024 take it apart)."""
CAUSES: Final = (
    "parameters counted without the head or the embedding, a warmup that is long for the small budgets, or a "
    "learning-rate schedule that did not match the length of the runs"
)
"""What usually lies behind an exponent outside."""


def implausible_exponent(laws: Sequence[PowerLaw]) -> float | None:
    """The exponent of the headline's N* over the fitted budgets where it lies outside; None where it does not."""
    for law in laws:
        outside = not LOWEST_EXPONENT <= law.exponent <= HIGHEST_EXPONENT
        if law.estimator is EstimatorName.HEADLINE and law.quantity == "params" and outside:
            return law.exponent
    return None


def exponent_warnings(laws: Sequence[PowerLaw]) -> tuple[str, ...]:
    """A sentence about an exponent of N* that is not plausible, with the usual causes."""
    exponent = implausible_exponent(laws)
    if exponent is None:
        return ()
    return (
        f"N* grows as C^{exponent:.2f} over the fitted budgets; {LOWEST_EXPONENT:g} to {HIGHEST_EXPONENT:g} is "
        f"plausible. The usual causes: {CAUSES}.",
    )

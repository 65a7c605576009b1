"""Published scaling laws to compare a fit with, each with its source and its way of counting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.limits import UNIFORM_GUESS
from analysis.records import LawError


@dataclass(frozen=True, slots=True)
class PublishedAnswer:
    """What one published law says of a budget."""

    name: str
    """The law's registry key."""
    params: float
    """N*, in the law's convention."""
    tokens: float
    """D*."""
    loss: float | None
    """L* on the paper's own data and tokenizer; None where the source gives no loss, or one above a uniform guess."""
    extrapolation: float | None
    """How far the budget lies outside those that the law was fitted on, as a factor; 1 inside, None where the source
    does not say."""
    convention: str
    """What its N and C count."""
    source: str
    """Paper and place."""
    note: str
    """What a reader must know."""


@dataclass(frozen=True)
class PublishedLaw:
    """N*(C) and D*(C) as published: from an additive surface, or as power laws through what was given."""

    name: str
    """Registry key."""
    source: str
    """Paper and place."""
    convention: str
    """What its N and C count."""
    surface: tuple[float, float, float, float, float] | None = None
    """E, A, B, α, β with D in tokens and C = 6 N D."""
    params_law: tuple[float, float] | None = None
    """Coefficient and exponent of N*(C), C in FLOPs."""
    tokens_law: tuple[float, float] | None = None
    """Coefficient and exponent of D*(C)."""
    budgets: tuple[float, float] | None = None
    """Smallest and largest budget that it was fitted on, FLOPs; None where the source does not say."""
    note: str = ""
    """What a reader must know."""

    def losses(self, params: NDArray[np.float64], tokens: NDArray[np.float64]) -> NDArray[np.float64]:
        """Loss of models of N parameters on D tokens (n,). Raises LawError where the source gives no surface."""
        if self.surface is None:
            raise LawError(f"{self.name} gives no loss of a model off the optimum")
        floor, a, b, alpha, beta = self.surface
        return np.asarray(floor + a / params**alpha + b / tokens**beta)

    def predict(self, flops: float) -> PublishedAnswer:
        """N*, D* and, where there is one, the loss at a budget, FLOPs. Raises LawError unless that is positive."""
        if not flops > 0:
            raise LawError(f"a budget must be a positive number of FLOPs, not {flops}")
        if self.surface is not None:
            floor, a, b, alpha, beta = self.surface
            ratio = (alpha * a) / (beta * b)
            params = (ratio * (flops / 6) ** beta) ** (1 / (alpha + beta))
            tokens = flops / 6 / params
            return self._answer(flops, params, tokens, floor + a / params**alpha + b / tokens**beta)
        params = _power(self.params_law, flops)
        tokens = _power(self.tokens_law, flops)
        if params is None:
            if tokens is None:
                raise LawError(f"{self.name} gives neither N* nor D*")
            params = flops / 6 / tokens
        if tokens is None:
            tokens = flops / 6 / params
        return self._answer(flops, params, tokens, None)

    def _answer(self, flops: float, params: float, tokens: float, loss: float | None) -> PublishedAnswer:
        outside = None if self.budgets is None else max(flops / self.budgets[1], self.budgets[0] / flops, 1.0)
        if loss is not None and loss > UNIFORM_GUESS["nats/token"]:
            loss = None
        return PublishedAnswer(self.name, params, tokens, loss, outside, self.convention, self.source, self.note)


def _power(law: tuple[float, float] | None, flops: float) -> float | None:
    return None if law is None else float(law[0] * flops ** law[1])


PF_DAY = 1e15 * 86400
"""FLOPs of a petaflop/s-day, Kaplan's unit of compute."""

PUBLISHED = {
    law.name: law
    for law in (
        PublishedLaw(
            name="kaplan2020",
            source="Kaplan et al. 2020, Scaling Laws for Neural Language Models, equation 6.1 and table 6",
            convention="N without embeddings; C = 6 N D of the same N",
            params_law=(1.3e9 / PF_DAY**0.73, 0.73),
            tokens_law=(2e10 / PF_DAY**0.27, 0.27),
            note="Its exponent of 0.73 comes from counting without the head, long warm-up and untuned small runs "
            "(Porian et al. 2024; Pearce and Song 2024).",
        ),
        PublishedLaw(
            name="hoffmann2022",
            source="Hoffmann et al. 2022, Training Compute-Optimal Large Language Models, equation 10 (approach 3)",
            convention="all parameters; C = 6 N D",
            surface=(1.69, 406.4, 410.7, 0.34, 0.28),
            budgets=(6e18, 3e21),
            note="Rounded as published, and stopped before convergence (Besiroglu et al. 2024).",
        ),
        PublishedLaw(
            name="besiroglu2024",
            source="Besiroglu et al. 2024, Chinchilla Scaling: A Replication Attempt, table 1",
            convention="all parameters; C = 6 N D",
            surface=(1.8172, 482.01, 2085.43, 0.3478, 0.3658),
            budgets=(6e18, 3e21),
            note="A, B, α and β are those of least absolute deviations, E that of Huber's loss with δ = 1e-3.",
        ),
        PublishedLaw(
            name="llama3",
            source="Llama 3 (2024), The Llama 3 Herd of Models, section 3.2.1",
            convention="N = C / (6 D)",
            tokens_law=(0.29, 0.53),
            budgets=(6e18, 1e22),
            note="Rounded as published.",
        ),
        PublishedLaw(
            name="deepseek2024",
            source="DeepSeek-AI 2024, DeepSeek LLM, section 3.2, equation 4",
            convention="model scale as non-embedding FLOPs a token M; N shown is M / 6",
            params_law=(0.1715 / 6, 0.5243),
            tokens_law=(5.8316, 0.4757),
            budgets=(1e17, 3e20),
        ),
    )
}
"""By key."""


def published_at(flops: float) -> tuple[PublishedAnswer, ...]:
    """What each published law says of a budget, training FLOPs. Losses are of each paper's own data and tokenizer.

    Raises LawError for a budget that is not positive.
    """
    return tuple(law.predict(flops) for law in PUBLISHED.values())

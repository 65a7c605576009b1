"""Whether a recipe is good in its cells: the rule's loss against the best found, and which curves it distorts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from analysis.evidence import CheckedCell
from analysis.law import Law
from analysis.wording import format_count, format_flops, join_words

LEAST_GAP = 0.02
"""Gap above the best loss found that is always allowed, nats per token."""
SEED_SIGMAS = 2.0
"""Gap that is allowed in standard deviations between seeds."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a check: a cell under the rule, or under the rule with another batch or learning rate."""

    flops: float
    """Budget of the cell, training FLOPs."""
    params: float
    """N of the cell."""
    place: str
    """Where on its curve the cell lies: left end | centre | right end."""
    batch_factor: float
    """Batch over the rule's."""
    lr_factor: float
    """Learning rate over the rule's."""
    loss: float | None
    """Final loss, nats per token; infinite where the run diverged, None while it is not trained."""

    @property
    def is_rule(self) -> bool:
        """Whether this is the rule itself."""
        return self.batch_factor == self.lr_factor == 1.0


def judge(trials: Iterable[Trial], seed_sigma: float | None) -> tuple[CheckedCell, ...]:
    """The verdict on each cell, by budget and N: the rule passes within max(2 σ, 0.02 nat) of the best found.

    `seed_sigma` is the standard deviation between seeds of one cell, None where it is not known.
    """
    cells: dict[tuple[float, float, str], list[Trial]] = {}
    for trial in trials:
        cells.setdefault((trial.flops, trial.params, trial.place), []).append(trial)
    threshold = max(SEED_SIGMAS * (seed_sigma or 0.0), LEAST_GAP)
    return tuple(_judge(cells[key], threshold) for key in sorted(cells))


def _judge(trials: Sequence[Trial], threshold: float) -> CheckedCell:
    trained = [trial for trial in trials if trial.loss is not None]
    finite = [trial for trial in trained if trial.loss is not None and math.isfinite(trial.loss)]
    rule = next((trial.loss for trial in trained if trial.is_rule), None)
    best = min(finite, key=lambda trial: trial.loss or 0.0, default=None)
    gap = None if rule is None or best is None or best.loss is None else rule - best.loss
    if gap is not None and gap > threshold:
        verdict = "fails"
    else:
        verdict = "passes" if gap is not None and len(trained) == len(trials) else "open"
    return CheckedCell(
        flops=trials[0].flops,
        params=trials[0].params,
        place=trials[0].place,
        verdict=verdict,
        rule_loss=rule,
        best_loss=best.loss if best else None,
        best_batch=best.batch_factor if best else None,
        best_lr=best.lr_factor if best else None,
        gap=gap,
        threshold=threshold,
        trained=len(trained),
        runs=len(trials),
    )


def with_check(law: Law, trials: Iterable[Trial]) -> Law:
    """The law with the check of its recipe, its curves flagged where the rule fails, and a warning for each curve."""
    cells = judge(trials, law.noise.seed_sigma)
    failed: dict[float, list[CheckedCell]] = {}
    for cell in cells:
        if cell.verdict == "fails":
            failed.setdefault(cell.flops, []).append(cell)
    return replace(
        law,
        recipe_check=cells,
        curves=tuple(
            replace(curve, flags=tuple(_flag(cell) for cell in failed.get(curve.flops, ()))) for curve in law.curves
        ),
        warnings=(*law.warnings, *(_warning(flops, at) for flops, at in failed.items())),
    )


def _flag(cell: CheckedCell) -> str:
    """Where a rule fails, by how much, and what beats it."""
    assert cell.gap is not None and cell.best_batch is not None and cell.best_lr is not None
    return (
        f"Recipe check fails at the {cell.place}, N {format_count(cell.params)}: {cell.gap:.3f} above batch "
        f"×{cell.best_batch:g} with learning rate ×{cell.best_lr:g}, where {cell.threshold:.3f} is allowed."
    )


def _warning(flops: float, failed: Sequence[CheckedCell]) -> str:
    """The failures of one curve in a sentence."""
    where = join_words(f"the {cell.place} by {cell.gap:.3f}" for cell in failed)
    return (
        f"At {format_flops(flops)} FLOPs the recipe's loss exceeds the best one found at {where}, where "
        f"{failed[0].threshold:.3f} is allowed: the curve is bent or too high there."
    )

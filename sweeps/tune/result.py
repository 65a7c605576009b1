"""What a tuning has found: its rules with intervals, where their optima meet the ends of the search, and their test."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from analysis.answers.recipe_check import Trial as Checked
from analysis.answers.recipe_check import judge
from analysis.evidence import CheckedCell
from analysis.wording import join_words, typed_flops
from sweeps.file.spec import SweepSpec
from sweeps.plan.records import DataFacts
from sweeps.recipes.tuned import Rule
from sweeps.tune.cells import Field, TuneCell, field_of
from sweeps.tune.rounds import Trial, surface_of, trials_of
from sweeps.tune.surface import Array, Surface

EDGE: Final = 0.05
"""Share of a search's width within which an optimum counts as one at its end."""


@dataclass(frozen=True)
class TunedCell:
    """One cell of the search, and what it gave."""

    budget: float
    """Training FLOPs."""
    params: int
    """N."""
    place: str
    """left end | centre | right end."""
    trials: int
    """Trials trained there."""
    diverged: int
    """Those of them that diverged."""
    start_loss: float | None
    """Loss of the start, nats per token; None where it diverged."""
    best_loss: float | None
    """The least loss that was seen; None where all diverged."""
    lowest: float
    """The least loss by the surface, nats per token."""


@dataclass(frozen=True)
class Found:
    """A tuning's result."""

    names: tuple[str, ...]
    """Settings that were searched."""
    rules: tuple[Rule, ...]
    """Their rules, in the same order."""
    reference: tuple[float, float]
    """N without embedding and head, and D, at which they hold."""
    edges: tuple[str, ...]
    """Optima at the ends of the search, a sentence for each setting that has one."""
    cells: tuple[TunedCell, ...]
    """The cells of the search."""
    test: CheckedCell
    """The rules at the cell that was left out: their loss against the best found around them."""
    noise: float
    """Standard deviation of a trial about the surface, nats per token."""
    params_range: tuple[float, float]
    """N of the cells, the one left out among them where the rules pass there."""
    ratio_range: tuple[float, float]
    """D/N of those."""
    batch_range: tuple[float, float]
    """Tokens of a step that the rules give there."""
    spent: float
    """Training FLOPs of all trials."""

    def recipe_json(self, spec: SweepSpec, source: str) -> dict[str, Any]:
        """The recipe as plain data: what `tuned` reads, and what there is to know of its origin.

        Args:
            spec: the tuning.
            source: its name and revision.
        """
        start = spec.recipes.get(spec.recipe, {})
        base = str(start.get("base", spec.recipe))
        overrides = dict(start.get("base_overrides") or {}) | spec.recipe_overrides
        return {
            "about": f"{base} with {join_words(self.names)} tuned on {typed_flops(self.spent)} FLOPs of trials.",
            "source": f"tuned by sweep {source}",
            "base": base,
            "base_overrides": overrides,
            "reference": {"params": self.reference[0], "tokens": self.reference[1]},
            "rules": {name: rule.to_dict() for name, rule in zip(self.names, self.rules, strict=True)},
            "range": {
                "params": list(self.params_range),
                "tokens_per_param": list(self.ratio_range),
                "batch": list(self.batch_range),
            },
            "edges": list(self.edges),
            "noise": float(f"{self.noise:.3g}"),
            "test": {
                "budget": self.test.flops,
                "params": self.test.params,
                "verdict": self.test.verdict,
                "loss": self.test.rule_loss,
                "best_loss": self.test.best_loss,
                "best_batch": self.test.best_batch,
                "best_lr": self.test.best_lr,
                "allowed": self.test.threshold,
                "runs": self.test.runs,
            },
            "cells": [
                {
                    "budget": cell.budget,
                    "params": cell.params,
                    "place": cell.place,
                    "trials": cell.trials,
                    "diverged": cell.diverged,
                    "start_loss": cell.start_loss,
                    "best_loss": cell.best_loss,
                    "lowest": float(f"{cell.lowest:.5g}"),
                }
                for cell in self.cells
            ],
        }


def found_by(spec: SweepSpec, facts: DataFacts, trained: Sequence[Trial]) -> Found:
    """The result of a tuning whose rounds are complete."""
    field = field_of(spec, facts)
    surface = surface_of(field, trained)
    test = _test(field, trained, surface)
    proven = [*field.cells, *([field.left_out] if test.verdict == "passes" else [])]
    batches = [_batch(field, surface, cell) for cell in proven]
    return Found(
        names=field.names,
        rules=tuple(_rule(*each) for each in zip(surface.rule, surface.half, strict=True)),
        reference=field.reference,
        edges=tuple(_edges(field, surface)),
        cells=tuple(_cell(field, surface, trained, number) for number in range(len(field.cells))),
        test=test,
        noise=surface.noise,
        params_range=_ends([float(cell.matmul) for cell in proven]),
        ratio_range=_ends([cell.tokens / cell.matmul for cell in proven]),
        batch_range=_ends(batches),
        spent=math.fsum(trial.flops for trial in trained),
    )


def _rule(values: Array, half: Array) -> Rule:
    return Rule(
        value=float(f"{math.exp(values[0]):.4g}"),
        params=float(f"{values[1]:.4f}"),
        tokens=float(f"{values[2]:.4f}"),
        factor=float(f"{math.exp(min(half[0], 20.0)):.3g}"),
        params_half=float(f"{half[1]:.3g}"),
        tokens_half=float(f"{half[2]:.3g}"),
    )


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """The least and the greatest of some values, rounded outwards to four digits."""
    least, most = min(values), max(values)
    unit, above = (10 ** (math.floor(math.log10(value)) - 3) for value in (least, most))
    return float(f"{math.floor(least / unit) * unit:.4g}"), float(f"{math.ceil(most / above) * above:.4g}")


def _batch(field: Field, surface: Surface, cell: TuneCell) -> float:
    """Tokens of a step at a cell: by the rules, or the start's where batch is not searched."""
    context = cell.model.context
    if "batch" not in field.names:
        return float(cell.start.batch * context)
    wanted = math.exp(surface.best(np.array([field.row(cell)]))[0][field.names.index("batch")])
    return float(max(1, round(wanted / context)) * context)


def _edges(field: Field, surface: Surface) -> Iterator[str]:
    """For each setting at which ends of its search, and in how many cells, its optimum lies."""
    best = surface.best(field.at)
    for index, name in enumerate(field.names):
        for end in ("lower", "upper"):
            count = 0
            for cell, point in zip(field.cells, best, strict=True):
                low, high = cell.box.low[index], cell.box.high[index]
                margin = EDGE * (high - low)
                count += bool(point[index] <= low + margin if end == "lower" else point[index] >= high - margin)
            if count:
                yield f"{name} has its optimum at the {end} end of the search in {count} of {len(field.cells)} cells"


def _cell(field: Field, surface: Surface, trained: Sequence[Trial], number: int) -> TunedCell:
    cell, trials = field.cells[number], trials_of(field, trained)
    own = np.flatnonzero(trials.cell == number)
    losses = trials.loss[own]
    known = losses[np.isfinite(losses)]
    start = [loss for at, loss in zip(own, losses, strict=True) if np.allclose(trials.settings[at], cell.box.start)]
    return TunedCell(
        budget=cell.budget,
        params=cell.matmul,
        place=cell.place,
        trials=len(own),
        diverged=int(len(own) - len(known)),
        start_loss=float(start[0]) if start and math.isfinite(start[0]) else None,
        best_loss=float(known.min()) if len(known) else None,
        lowest=float(surface.lowest[number]),
    )


def _test(field: Field, trained: Sequence[Trial], surface: Surface) -> CheckedCell:
    """The verdict on the rules at the cell that was left out, as a check of a recipe gives it."""
    cell = field.left_out
    checked = [
        Checked(
            trial.budget,
            cell.matmul,
            cell.place,
            trial.part.batch_factor,
            trial.part.lr_factor,
            math.inf if trial.loss is None else trial.loss,
        )
        for trial in trained
        if trial.part is not None
    ]
    (verdict,) = judge(checked, surface.noise)
    return verdict

"""The cells of a tuning: ends and centre of the smallest and of a middle budget, and one that is left out. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.wording import typed_flops
from model.config import ConfigError, ModelConfig, TrainConfig
from model.flops import count_parameters
from sweeps.file.spec import SweepSpec
from sweeps.plan.grid import Cell, cells
from sweeps.plan.plan import describe, sequences_of, whatever_the_settings, with_train
from sweeps.plan.records import DataFacts, PlanError, PlannedRun, RecipeTrial
from sweeps.recipes.recipe import RecipeError, train_config
from sweeps.recipes.tuned import settings_of
from sweeps.tune.settings import Box, box_of, point_of, train_at

Array = NDArray[np.float64]

LEFT_OUT: Final = "left out"
"""Place of the cell at which the rules are tested."""


@dataclass(frozen=True)
class TuneCell:
    """One cell with its search."""

    cell: Cell
    """Its model and budget."""
    place: str
    """left end | centre | right end | left out."""
    start: TrainConfig
    """The recipe's optimisation, moved to where the cell can be trained."""
    box: Box
    """Where settings are searched."""
    flops: float
    """Training FLOPs of one run."""

    @property
    def model(self) -> ModelConfig:
        """Its shape."""
        return self.cell.model

    @property
    def budget(self) -> float:
        """Its budget, training FLOPs."""
        return self.cell.budget

    @property
    def shape(self) -> str:
        """Its shape in a few characters."""
        return describe(self.model)

    @property
    def key(self) -> tuple[float, ModelConfig]:
        """What its runs have in common."""
        return self.budget, self.model

    @property
    def params(self) -> int:
        """N without embedding and head, as rules count it."""
        return max(1, count_parameters(self.model).nonembedding)

    @property
    def matmul(self) -> int:
        """N as ranges count it."""
        return count_parameters(self.model).matmul

    @property
    def tokens(self) -> int:
        """D."""
        return self.start.sequences * self.model.context


@dataclass(frozen=True)
class Field:
    """Everything that a tuning searches."""

    names: tuple[str, ...]
    """Settings that are searched."""
    cells: tuple[TuneCell, ...]
    """The cells of the search, by budget and size."""
    left_out: TuneCell
    """The cell of the test."""
    reference: tuple[float, float]
    """N without embedding and head, and D, at which rules hold."""

    @property
    def at(self) -> Array:
        """1, ln N and ln D over the reference, a row for each cell of the search."""
        return np.array([self.row(cell) for cell in self.cells])

    def row(self, cell: TuneCell) -> list[float]:
        """1, ln N and ln D of a cell over the reference."""
        params, tokens = self.reference
        return [1.0, float(np.log(cell.params / params)), float(np.log(cell.tokens / tokens))]

    def run(self, cell: TuneCell, point: Array, facts: DataFacts) -> PlannedRun:
        """The trial of a cell with the settings of a point, which is moved into the cell's box."""
        return self.retrained(cell, train_at(self.names, cell.box.clipped(point), cell.start, cell.model), facts)

    def retrained(self, cell: TuneCell, train: TrainConfig, facts: DataFacts) -> PlannedRun:
        """The trial of a cell with an optimisation."""
        return as_trial(with_train(cell.cell, train, facts))


def as_trial(run: PlannedRun, *parts: RecipeTrial) -> PlannedRun:
    """A run that enters no fit, with its parts in the test of the rules."""
    return dataclasses.replace(run, role="check", checks=parts)


def field_of(spec: SweepSpec, facts: DataFacts) -> Field:
    """The cells of a sweep's tuning and the settings searched there. Raises PlanError where nothing can be searched."""
    found, reasons = _buildable(spec, facts)
    budgets = sorted({cell.budget for cell in found})
    if not found:
        raise PlanError(f"no cell can be tuned: {'; '.join(dict.fromkeys(reasons)) or 'the sweep has no cells'}")
    chosen = sorted({budgets[0], budgets[len(budgets) // 2]})
    places = [(cell, place) for budget in chosen for cell, place in _placed([c for c in found if c.budget == budget])]
    largest = [cell for cell in found if cell.budget == budgets[-1]]
    held = largest[len(largest) // 2]
    searched = [(cell, place) for cell, place in places if cell is not held]
    if not searched:
        raise PlanError("only one cell can be trained, and one more has to test the rules: add a budget or a size")
    starts = [_start(cell, spec) for cell, _ in searched]
    names = _names(spec, starts)
    made = [_tune_cell(cell, place, spec, names) for cell, place in searched]
    reference = _centre([cell.params for cell in made]), _centre([cell.tokens for cell in made])
    return Field(names, tuple(made), _tune_cell(held, LEFT_OUT, spec, names), reference)


def _buildable(spec: SweepSpec, facts: DataFacts) -> tuple[list[Cell], list[str]]:
    """The cells that can be trained with some batch, by budget and size, and why the others cannot."""
    found, reasons = [], []
    for cell in cells(spec, facts):
        dropped = whatever_the_settings(cell, spec, facts)
        fewest, sequences = cell.setting.recipe.min_steps, sequences_of(cell)
        if dropped:
            reasons.append(dropped[1])
        elif sequences < fewest:
            reasons.append(
                f"{describe(cell.model)} at {typed_flops(cell.budget)} FLOPs has {sequences} sequences, fewer than the "
                f"{fewest} steps that the recipe needs: raise budgets, or shorten context"
            )
        else:
            found.append(cell)
    return found, reasons


def _placed(curve: Sequence[Cell]) -> list[tuple[Cell, str]]:
    """The ends and the centre of a curve, those that it has."""
    places = {0: "left end", len(curve) - 1: "right end"} if len(curve) > 1 else {}
    places |= {len(curve) // 2: "centre"} if len(curve) != 2 else {}
    return [(curve[index], places[index]) for index in sorted(places)]


def _start(cell: Cell, spec: SweepSpec) -> TrainConfig:
    """The recipe's own optimisation. Raises PlanError where it has none."""
    try:
        return train_config(cell.setting.recipe, cell.model, sequences_of(cell), numerics=spec.numerics)
    except (ConfigError, RecipeError) as error:
        where = f"{describe(cell.model)} at {typed_flops(cell.budget)} FLOPs"
        raise PlanError(f"recipe {spec.recipe} gives no start for {where}: {error}") from None


def _names(spec: SweepSpec, starts: Sequence[TrainConfig]) -> tuple[str, ...]:
    """The settings that can be searched: those that the start has and that are not 0."""
    known = [settings_of(start, spec.context) for start in starts]
    names = tuple(name for name in spec.tune.search if all(found.get(name, 0.0) > 0 for found in known))
    if not names:
        raise PlanError(
            f"nothing to search: recipe {spec.recipe} has {', '.join(spec.tune.search)} at 0 or not at all; name other "
            "settings in tune.search"
        )
    return names


def _tune_cell(cell: Cell, place: str, spec: SweepSpec, names: tuple[str, ...]) -> TuneCell:
    start, context = _start(cell, spec), cell.model.context
    box = box_of(names, start, context, cell.setting.recipe.min_steps)
    moved = train_at(names, box.start, start, cell.model)
    flops = with_train(cell, moved, DataFacts("", 0, 1, 0)).flops
    box = dataclasses.replace(box, start=point_of(names, moved, context))
    return TuneCell(cell, place, moved, box, flops)


def _centre(values: Sequence[float]) -> float:
    """The geometric mean of some values, to three digits."""
    return float(f"{np.exp(np.mean(np.log(values))):.3g}")

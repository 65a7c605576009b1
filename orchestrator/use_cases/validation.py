"""Forecast, train, score: the predicted optimum at a larger budget, with repeats and its neighbours in size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from analysis.answers.serial import prediction_json
from analysis.law import Law
from analysis.records import LawError
from orchestrator.errors import NotFound
from orchestrator.scheduling.progress import Progress
from orchestrator.scheduling.speed import SpeedModel
from orchestrator.states import RunState
from orchestrator.store import ForecastScore, NewRun, RunRecord, SweepRecord
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.planning import Planning
from orchestrator.use_cases.submission import new_run
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.workspace import Workspace
from sweeps.plan.combination import Combination
from sweeps.plan.plan import plan_single
from sweeps.plan.records import PlannedRun

NEIGHBOURS: Final = (0.5, 2.0)
"""Sizes beside the predicted optimum, as factors of it."""


@dataclass(frozen=True, slots=True)
class Trained:
    """One run that a validation trained."""

    factor: float
    """Its size over the predicted optimum's: 1 for the optimum, whose forecast it scores."""
    run: RunRecord
    """The run; it may have ended without a loss."""
    score: ForecastScore | None
    """How the forecast came out; None for a neighbour, or without a loss."""


@dataclass(frozen=True, slots=True)
class Validation:
    """A forecast and what came of it."""

    prediction: dict[str, Any]
    """As stored, before any of the runs was trained."""
    trained: tuple[Trained, ...]
    """The optimum's runs by seed, then its neighbours."""

    @property
    def complete(self) -> bool:
        """Whether every run ended with a loss."""
        return all(one.run.loss is not None for one in self.trained)

    @property
    def best_neighbour(self) -> Trained | None:
        """The neighbour of the lowest loss; None where none was trained."""
        scored = [one for one in self.trained if one.factor != 1 and one.run.loss is not None]
        return min(scored, key=lambda one: one.run.loss or 0.0, default=None)

    @property
    def optimum_loss(self) -> float | None:
        """Mean loss of the predicted optimum over its seeds."""
        losses = [one.run.loss for one in self.trained if one.factor == 1 and one.run.loss is not None]
        return sum(losses) / len(losses) if losses else None


@dataclass(frozen=True, slots=True)
class _Cell:
    """A run to be trained."""

    factor: float
    planned: PlannedRun
    new: NewRun
    """As the store takes it."""


def validate(
    workspace: Workspace,
    name: str,
    flops: float,
    observe: Callable[[Progress], None],
    variant: str = "",
    *,
    seeds: int = 1,
    neighbours: bool = False,
) -> Validation:
    """Store a forecast at `flops`, train the predicted optimum, score the forecast.

    Args:
        workspace: the sweep's home.
        name: the sweep.
        flops: training FLOPs to forecast and train.
        observe: takes the progress.
        variant: which law of a sweep that varies something.
        seeds: runs of the predicted optimum, each scored against the one forecast.
        neighbours: train the sizes of NEIGHBOURS too, to see whether the predicted one is the best.

    Raises:
        NotFound, LawError, PlanError.
    """
    answers = Answering(workspace).of(name)
    planning, execution, store = Planning(workspace), Execution(workspace), workspace.store
    sweep, chosen = answers.sweep, answers.variant(variant)
    law = answers.fit(chosen)
    prediction = law.predict(flops)
    cells = _cells(planning, answers, flops, prediction.params, chosen.values, seeds, neighbours)
    _refuse_what_is_known(workspace, answers, law, cells)
    execution.check_free()
    for cell in cells:
        store.add_run(sweep.id, cell.new, "validation", workspace.settings.ceilings)
        if cell.factor == 1:
            run_id = cell.planned.run_id
            store.add_forecast(sweep.id, run_id, law.law_id, flops, prediction_json(prediction))
    store.retry_failed(sweep.id, workspace.settings.ceilings)
    execution.execute(sweep, planning.device_of(answers.spec), observe)
    return _scored(workspace, sweep, law.law_id, cells)


def _cells(
    planning: Planning,
    answers: SweepAnswers,
    flops: float,
    params: float,
    vary: Mapping[str, Any],
    seeds: int,
    neighbours: bool,
) -> list[_Cell]:
    spec = answers.spec
    facts = planning.facts(spec)
    combination = Combination.of(vary)
    wanted = [(1.0, seed) for seed in range(seeds)] + [(factor, 0) for factor in NEIGHBOURS if neighbours]

    def planned(cost: SpeedModel | None = None) -> list[PlannedRun]:
        return [
            plan_single(spec, facts, flops, params * factor, seed=seed, vary=combination, cost=cost)
            for factor, seed in wanted
        ]

    cost = planning.cost([draft.run for draft in planned()], spec)
    runs = zip(wanted, planned(cost), strict=True)
    return [_Cell(factor, run, new_run(run, cost, spec.kind)) for (factor, _), run in runs]


def _refuse_what_is_known(workspace: Workspace, answers: SweepAnswers, law: Law, cells: list[_Cell]) -> None:
    """A forecast of a run that is trained already would be none, unless it was stored before that.

    Typed again after an interruption, the stored one is scored.
    """
    known = {(f.run_id, f.law_id) for f in answers.forecasts}
    for cell in cells:
        run_id = cell.planned.run_id
        if cell.factor == 1 and _trained(workspace, run_id) and (run_id, law.law_id) not in known:
            raise LawError(
                f"the run at {cell.planned.budget:g} FLOPs, seed {cell.planned.seed}, is trained already: a forecast "
                "of it would be no forecast"
            )


def _trained(workspace: Workspace, run_id: str) -> bool:
    try:
        return workspace.store.run(run_id).state is RunState.DONE
    except NotFound:
        return False


def _scored(workspace: Workspace, sweep: SweepRecord, law_id: str, cells: list[_Cell]) -> Validation:
    runs = {run.id: run for run in workspace.store.runs_of(sweep.id)}
    forecasts = {f.run_id: f for f in workspace.store.forecasts_of(sweep.id) if f.law_id == law_id}
    trained = []
    for cell in cells:
        run, score = runs[cell.planned.run_id], None
        if cell.factor == 1 and run.loss is not None:
            score = score_forecast(forecasts[run.id].prediction, run.loss)
            workspace.store.score_forecast(forecasts[run.id].id, score)
        trained.append(Trained(cell.factor, run, score))
    return Validation(forecasts[cells[0].planned.run_id].prediction, tuple(trained))


def score_forecast(prediction: Mapping[str, Any], loss: float, level: float = 0.95) -> ForecastScore:
    """Error, interval score (Gneiting and Raftery 2007, section 6.2) and coverage of a stored forecast."""
    low, high = prediction["loss_interval"]
    miss = max(low - loss, loss - high, 0.0)
    return ForecastScore(
        loss=loss,
        error=loss - prediction["loss"],
        interval_score=(high - low) + 2 / (1 - level) * miss,
        inside=bool(low <= loss <= high),
    )


def validation_rows(result: Validation) -> list[dict[str, Any]]:
    """One row a trained run: what was predicted for the optimum, and what each run reached."""
    prediction = result.prediction
    low, high = prediction["loss_interval"]
    rows = []
    for one in result.trained:
        cell, score = one.run.cell, one.score
        rows.append(
            {
                "flops": prediction["flops"],
                "size": f"×{one.factor:g}",
                "predicted_params": round(prediction["params"]),
                "trained_params": cell and cell.params,
                "seed": cell and cell.seed,
                "predicted_loss": round(prediction["loss"], 4),
                "low": round(low, 4),
                "high": round(high, 4),
                "half_width": round((high - low) / 2, 4),
                "actual_loss": None if one.run.loss is None else round(one.run.loss, 4),
                "error": score and round(score.error, 4),
                "inside": score and score.inside,
                "interval_score": score and round(score.interval_score, 4),
                "run": one.run.id,
            }
        )
    return rows


def verdict(result: Validation) -> list[str]:
    """What came of it in plain sentences; nothing about neighbours where none was trained."""
    scores = [one.score for one in result.trained if one.score]
    low, high = result.prediction["loss_interval"]
    sentences = [f"{sum(score.inside for score in scores)} of {len(scores)} runs lie inside {low:.3f} to {high:.3f}"]
    best, optimum = result.best_neighbour, result.optimum_loss
    if best is None or optimum is None or best.run.loss is None:
        return sentences
    gap = best.run.loss - optimum
    if gap >= 0:
        return [*sentences, f"the predicted size beats both neighbours, the better one (×{best.factor:g}) by {gap:.4f}"]
    fewest, most = result.prediction["params_interval"]
    held = best.run.cell is not None and fewest <= best.run.cell.params <= most
    holds = "lies in" if held else "lies outside"
    return [*sentences, f"×{best.factor:g} the size is better by {-gap:.4f} and {holds} N*'s interval"]

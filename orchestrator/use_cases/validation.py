"""Validation: forecast the optimum at a larger budget, train it with its neighbours in size, score the forecast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from analysis.answers.serial import prediction_json
from analysis.law import Law
from analysis.records import LawError
from orchestrator.errors import NotFound
from orchestrator.scheduling.progress import Progress
from orchestrator.scheduling.speed import SpeedModel
from orchestrator.states import Hold, RunState
from orchestrator.store import NewRun
from orchestrator.use_cases.accounts import operator
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.control import ControlError
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.planning import Planning
from orchestrator.use_cases.submission import new_run
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.validation_result import PredictedOptimum, Trained, Validation, score_forecast
from orchestrator.use_cases.workspace import Workspace
from sweeps.plan.combination import Combination
from sweeps.plan.plan import plan_single
from sweeps.plan.records import PlannedRun

NEIGHBOURS: Final = (0.5, 2.0)
"""Sizes next to the predicted optimum, as factors of it."""


@dataclass(frozen=True, slots=True)
class _Cell:
    """A run to be trained."""

    factor: float
    """Its size over the predicted optimum's."""
    planned: PlannedRun
    """The run as planned."""
    new: NewRun
    """The run as the store takes it."""


def validate(
    workspace: Workspace,
    name: str,
    flops: float,
    observe: Callable[[Progress], None],
    variant: str = "",
    *,
    seeds: int = 1,
    neighbours: bool = False,
    loss_key: str = "",
) -> Validation:
    """Store a forecast at `flops`, train the predicted optimum, score the forecast.

    Args:
        workspace: the sweep's home.
        name: the sweep.
        flops: training FLOPs to forecast and train.
        observe: takes the progress.
        variant: label of the variant whose law makes the forecast; empty if nothing varies.
        seeds: runs of the predicted optimum, each scored against the one forecast.
        neighbours: train the sizes of NEIGHBOURS, too, to see whether the predicted one is the best.
        loss_key: the loss to forecast, such as `loss.code`; by default that of the validation text.

    Raises:
        NotFound, LawError, QuestionError, PlanError, AlreadyScheduling; ControlError if the sweep is held.
    """
    answers = Answering(workspace).of(name).on(loss_key)
    planning, execution, store = Planning(workspace), Execution(workspace), workspace.store
    sweep, chosen = answers.sweep, answers.variant(variant)
    if sweep.held:
        remedy = "retry" if sweep.held is Hold.CANCELLED else "resume"
        raise ControlError(f"sweep {name} is {sweep.held} and gets no worker: first isoflop {remedy} {name}")
    law = answers.fit(chosen)
    prediction = law.predict(flops)
    cells = _cells(planning, answers, flops, prediction.params, chosen.values, seeds, neighbours)
    _refuse_trained(workspace, answers, law, cells)
    execution.check_free()
    store.add_runs(
        sweep.id,
        [replace(cell.new, role="validation") for cell in cells],
        workspace.settings.ceilings,
        by=operator(workspace),
    )
    for cell in cells:
        if cell.factor == 1:
            run_id = cell.planned.run_id
            made = prediction_json(prediction) | answers.loss_key.stored
            store.add_forecast(sweep.id, run_id, law.law_id, flops, made)
    execution.execute(sweep, planning.device_of(answers.spec), observe)
    return _scored(workspace, answers, law.law_id, cells)


def _cells(
    planning: Planning,
    answers: SweepAnswers,
    flops: float,
    params: float,
    vary: Mapping[str, Any],
    seeds: int,
    neighbours: bool,
) -> list[_Cell]:
    """The runs to be trained, those of the predicted optimum first."""
    spec = answers.spec
    facts = planning.facts(spec)
    combination = Combination.of(vary)
    wanted = [(1.0, seed) for seed in range(seeds)] + [(factor, 0) for factor in NEIGHBOURS if neighbours]

    def planned(cost: SpeedModel | None = None) -> list[PlannedRun]:
        """The wanted runs, with predicted seconds if `cost` is given."""
        return [
            plan_single(spec, facts, flops, params * factor, seed=seed, vary=combination, cost=cost)
            for factor, seed in wanted
        ]

    cost = planning.cost([draft.run for draft in planned()], spec)
    runs = zip(wanted, planned(cost), strict=True)
    return [_Cell(factor, run, new_run(run, cost, spec.kind)) for (factor, _), run in runs]


def _refuse_trained(workspace: Workspace, answers: SweepAnswers, law: Law, cells: list[_Cell]) -> None:
    """Raise LawError if a run to be forecast is trained already, unless this law's forecast was stored before.

    So a validation that was interrupted can be started again: it scores the stored forecast.
    """
    known = {(f.run_id, f.law_id) for f in answers.forecasts}
    for cell in cells:
        run_id = cell.planned.run_id
        if cell.factor == 1 and _trained(workspace, run_id) and (run_id, law.law_id) not in known:
            raise LawError(
                f"the run at {cell.planned.budget:g} FLOPs, seed {cell.planned.seed}, is already trained: "
                "its loss can no longer be forecast"
            )


def _trained(workspace: Workspace, run_id: str) -> bool:
    """Whether the home has the run, finished."""
    try:
        return workspace.store.run(run_id).state is RunState.DONE
    except NotFound:
        return False


def _scored(workspace: Workspace, answers: SweepAnswers, law_id: str, cells: list[_Cell]) -> Validation:
    """The runs as they ended, with the score of the forecast, which is stored."""
    sweep = answers.sweep
    runs = {run.id: answers.loss_key.scored(run) for run in workspace.store.runs_of(sweep.id)}
    forecasts = {f.run_id: f for f in workspace.store.forecasts_of(sweep.name) if f.law_id == law_id}
    predicted = PredictedOptimum.from_dict(forecasts[cells[0].planned.run_id].prediction)
    trained = []
    for cell in cells:
        run, score = runs[cell.planned.run_id], None
        if cell.factor == 1 and run.loss is not None:
            score = score_forecast(predicted, run.loss)
            workspace.store.score_forecast(forecasts[run.id].id, score)
        trained.append(Trained(cell.factor, run, score))
    return Validation(predicted, tuple(trained))

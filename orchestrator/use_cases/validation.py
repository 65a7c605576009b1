"""Validation: forecast the optimum at a larger budget, train it with its neighbours in size, score the forecast."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from analysis.answers.limited import best_with_limited_data
from analysis.answers.serial import prediction_json
from analysis.law import Law
from analysis.records import LawError, Prediction
from analysis.wording import format_count, format_flops
from orchestrator.errors import NotFound
from orchestrator.scheduling.progress import Progress
from orchestrator.scheduling.speed import SpeedModel
from orchestrator.states import Hold, RunState
from orchestrator.store import NewRun
from orchestrator.use_cases.accounts import operator
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.control import ControlError
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.export import dataset_tokens
from orchestrator.use_cases.planning import Planning
from orchestrator.use_cases.submission import new_run
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.validation_result import PredictedOptimum, Trained, Validation, score_forecast
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.spec import SweepSpec
from sweeps.plan.combination import Combination
from sweeps.plan.plan import plan_single
from sweeps.plan.records import PlanError, PlannedRun

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
    max_tokens: float | None = None,
    loss_key: str = "",
) -> Validation:
    """Store a forecast at `flops`, train the predicted optimum (or see `forecast_of`), score the forecast.

    Args:
        workspace: the sweep's home.
        name: the sweep.
        flops: training FLOPs to forecast and train.
        observe: takes the progress.
        variant: label of the variant whose law makes the forecast; empty if nothing varies.
        seeds: runs of the predicted optimum, each scored against the one forecast.
        neighbours: train the sizes of NEIGHBOURS, too, to see whether the predicted one is the best.
        max_tokens: different tokens that the runs may read, however often; None for all that the data has.
        loss_key: the loss to forecast, such as `loss.code`; by default that of the validation text.

    Raises:
        NotFound, LawError, QuestionError, PlanError, AlreadyScheduling; ControlError if the sweep is held.
    """
    answers = Answering(workspace).of(name).on(loss_key)
    planning, execution = Planning(workspace), Execution(workspace)
    sweep, chosen = answers.sweep, answers.variant(variant)
    if sweep.held:
        remedy = "retry" if sweep.held is Hold.CANCELLED else "resume"
        raise ControlError(f"sweep {name} is {sweep.held} and gets no worker: first isoflop {remedy} {name}")
    law = answers.fit(chosen)
    data_tokens = dataset_tokens(sweep, chosen.runs)
    prediction = forecast_of(law, flops, data_tokens, max_tokens)
    if max_tokens is None:
        _refuse_passes(prediction, data_tokens, answers.spec)
    wanted = [*((1.0, seed) for seed in range(seeds)), *((factor, 0) for factor in NEIGHBOURS if neighbours)]
    cells = _cells(planning, answers, prediction, chosen.values, wanted, max_tokens)
    _refuse_trained(workspace, answers, law, cells)
    execution.check_free()
    _store(workspace, answers, law, prediction, cells)
    execution.execute(sweep, planning.device_of(answers.spec), observe)
    return _scored(workspace, answers, law.law_id, cells)


def _store(
    workspace: Workspace, answers: SweepAnswers, law: Law, prediction: Prediction, cells: Sequence[_Cell]
) -> None:
    """Store the runs, and the forecast of those of the predicted optimum."""
    store, sweep = workspace.store, answers.sweep
    runs = [replace(cell.new, role="validation") for cell in cells]
    store.add_runs(sweep.id, runs, workspace.settings.ceilings, by=operator(workspace))
    made = prediction_json(prediction) | answers.loss_key.stored
    for cell in cells:
        if cell.factor == 1:
            store.add_forecast(sweep.id, cell.planned.run_id, law.law_id, prediction.flops, made)


def forecast_of(law: Law, flops: float, data_tokens: float, max_tokens: float | None) -> Prediction:
    """What a law expects of the best run at a budget: where tokens are too few for its optimum, of the best for them.

    Raises LawError.
    """
    prediction, unique = law.predict(flops), min(data_tokens, max_tokens or data_tokens)
    if prediction.tokens <= unique:
        return prediction
    answer = best_with_limited_data(law, flops, unique)
    return replace(
        prediction,
        params=answer.params,
        tokens=answer.tokens,
        loss=answer.loss,
        params_interval=answer.params_interval,
        tokens_interval=answer.tokens_interval,
        loss_interval=answer.loss_interval,
        run_interval=answer.run_interval,
        warnings=(*prediction.warnings, *(said for said in answer.warnings if said not in prediction.warnings)),
    )


def _refuse_passes(prediction: Prediction, data_tokens: int, spec: SweepSpec) -> None:
    """Raise PlanError where a forecast's run takes more passes over the data than the sweep allows, unasked."""
    if prediction.tokens > max(data_tokens * spec.epochs_max, data_tokens):
        raise PlanError(
            f"the best model at {format_flops(prediction.flops)} FLOPs sees each of the data's "
            f"{format_count(data_tokens)} tokens {prediction.tokens / data_tokens:.3g} times, above epochs_max = "
            f"{spec.epochs_max:g}: give --max-tokens {data_tokens} to train it all the same, or a smaller budget"
        )


def _cells(
    planning: Planning,
    answers: SweepAnswers,
    prediction: Prediction,
    vary: Mapping[str, Any],
    wanted: Sequence[tuple[float, int]],
    max_tokens: float | None,
) -> list[_Cell]:
    """The runs to be trained, those of the predicted optimum first; `wanted` has their sizes over its, and seeds."""
    spec = answers.spec
    facts = planning.facts(spec)
    combination = Combination.of(vary)

    def planned(cost: SpeedModel | None = None) -> list[PlannedRun]:
        """The wanted runs, with predicted seconds if `cost` is given."""
        one = partial(plan_single, spec, facts, prediction.flops, vary=combination, unique_tokens=max_tokens)
        return [one(prediction.params * factor, seed=seed, cost=cost) for factor, seed in wanted]

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

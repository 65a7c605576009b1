"""SweepSpec → Plan: the runs of a sweep with their durations, and the cells that are dropped and why. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from analysis.wording import typed_flops
from model.config import ConfigError, ModelConfig, RunConfig, TrainConfig
from model.flops import count_parameters, flops_per_token
from model.memory import training_bytes
from sweeps.file.spec import SweepSpec
from sweeps.plan.advice import warnings_of
from sweeps.plan.combination import NOTHING_VARIED, Combination
from sweeps.plan.cost import CostModel
from sweeps.plan.grid import Cell, buildable, cells, setting_of
from sweeps.plan.mates import with_mates
from sweeps.plan.recipe_check import with_checks
from sweeps.plan.records import Cause, DataFacts, DroppedCell, Plan, PlanError, PlannedRun
from sweeps.plan.trunks import on_shared_trunk, on_trunk, saved_steps
from sweeps.recipes.recipe import RecipeError, train_config
from tokenizer.windows import sequence_count

TOLERANCE: Final = 0.01
"""Relative distance from its budget within which a run lands."""


def make_plan(spec: SweepSpec, facts: DataFacts, cost: CostModel | None = None, *, workers: int = 1) -> Plan:
    """Plan a sweep: every run with its budget, shape, optimisation, FLOPs and predicted duration. Starts nothing.

    Args:
        spec: the sweep.
        facts: the tokenised corpus, once for each combination of the axes that set the data.
        cost: predicts seconds; without it limits.hours cannot be checked.
        workers: devices, for limits.hours and for how many runs of a stack each has.

    Raises:
        PlanError: where a limit is exceeded, the recipe can build no model, or the corpus has not even one sequence.
    """
    for one in facts.each:
        _check_splits(spec, one)
    runs: dict[str, PlannedRun] = {}
    dropped: list[DroppedCell] = []
    twice = 0
    for cell in cells(spec, facts):
        planned = _planned_cell(cell, spec, facts.of(cell.setting.vary), cost)
        if isinstance(planned, DroppedCell):
            dropped.append(planned)
            continue
        for run in planned:
            known = runs.setdefault(run.run_id, run)
            twice += known is not run
            if known.vary != run.vary:
                runs[run.run_id] = replace(known, shared=(*known.shared, run.vary))
    plan = _with_checks(Plan(spec, tuple(runs.values()), tuple(dropped), ()), facts, cost)
    plan = with_mates(plan, cost, workers)
    plan = replace(plan, runs=tuple(_with_trunks(plan.runs)))
    _check_limits(plan, workers)
    warnings = warnings_of(plan, facts)
    if twice:
        warnings.append(f"{twice} runs of different cells are identical and are trained once")
    return replace(plan, warnings=tuple(warnings))


def plan_of_runs(
    spec: SweepSpec, runs: Sequence[PlannedRun], facts: DataFacts, cost: CostModel | None = None, *, workers: int = 1
) -> Plan:
    """Runs that were chosen otherwise than as a grid, within the sweep's limits, with its checks and its warnings.

    Raises PlanError where a limit is exceeded.
    """
    plan = _with_checks(Plan(spec, tuple(timed(run, cost) for run in runs), (), ()), facts, cost)
    plan = with_mates(plan, cost, workers)
    plan = replace(plan, runs=tuple(_with_trunks(plan.runs)))
    _check_limits(plan, workers)
    chosen = replace(spec, budgets=tuple(sorted({run.budget for run in runs})))
    return replace(plan, warnings=tuple(warnings_of(replace(plan, spec=chosen), facts)))


def timed(run: PlannedRun, cost: CostModel | None) -> PlannedRun:
    """A run that was planned without a cost model, with its predicted seconds and memory."""
    model, train = run.run.model, run.run.train
    duration = _duration(model, train, cost)
    return replace(run, seconds=duration, seconds_alone=duration, memory_bytes=_memory(model, train, cost))


def _with_trunks(runs: tuple[PlannedRun, ...]) -> Iterator[PlannedRun]:
    """The runs with the FLOPs and seconds that each spends where trunks are shared."""
    saved = saved_steps((run.trunk, run.run) for run in runs if run.trunk)
    for run in runs:
        share = 1 - saved.get(run.run_id, 0) * run.run.train.batch / run.run.train.sequences
        seconds = None if run.seconds is None else run.seconds * share
        yield replace(run, flops_spent=run.flops * share, seconds=seconds)


def _with_checks(plan: Plan, facts: DataFacts, cost: CostModel | None) -> Plan:
    """The plan with the runs that check its recipe, where the sweep asks for them."""
    if not plan.spec.recipe_check:
        return plan

    def min_steps(vary: Combination) -> int:
        return setting_of(plan.spec, facts.of(vary).vocab, vary).recipe.min_steps

    def retrain(run: PlannedRun, train: TrainConfig) -> PlannedRun:
        return timed(replace(run, run=replace(run.run, train=train), trunk=None), cost)

    return with_checks(plan, min_steps, retrain)


def plan_single(
    spec: SweepSpec,
    facts: DataFacts,
    flops: float,
    params: float,
    *,
    seed: int = 0,
    cost: CostModel | None = None,
    vary: Combination = NOTHING_VARIED,
    unique_tokens: float | None = None,
) -> PlannedRun:
    """The run of the buildable shape nearest to `params` that spends `flops`, under the sweep's recipe and data.

    With `unique_tokens` it reads about so many different ones alone, however often.

    Raises:
        PlanError: where no such run can land on the budget, with the reason.
    """
    facts = facts.of(vary)
    setting = setting_of(spec, facts.vocab, vary)
    _check_splits(replace(spec, context=setting.context, vary={}), facts)
    cell = Cell(setting, flops, buildable(setting, params), 1)
    if unique_tokens is not None:
        passes = max(sequences_of(cell) * setting.context / unique_tokens, 1.0)
        cell, spec = replace(cell, epochs=passes), replace(spec, epochs_max=math.inf)
    dropped = _dropped(cell, spec, facts)
    if dropped:
        raise PlanError(f"no run of {params:,.0f} parameters at {typed_flops(flops)} FLOPs: {dropped.reason}")
    return _planned_run(cell, spec, facts, cost, seed)


def _check_splits(spec: SweepSpec, facts: DataFacts) -> None:
    """Raise PlanError where a split has fewer tokens than one sequence: no run could be trained or scored."""
    longest = max(spec.vary.get("context") or (spec.context,))
    for name, tokens in facts.sets:
        if tokens <= longest:
            raise PlanError(
                f"validation set {name} has {tokens:,} tokens, fewer than one sequence of {longest:,} + 1: give it "
                "more text, or shorten context"
            )
    for split, tokens in (("training", facts.train_tokens), ("validation", facts.validation_tokens)):
        if tokens <= longest:
            change = "lower" if split == "training" else "raise"
            raise PlanError(
                f"the {split} split has {tokens:,} tokens, fewer than one sequence of {longest:,} + 1: give more text, "
                f"{change} corpus.validation_fraction ({spec.corpus.validation_fraction:g}), or shorten context"
            )


def _planned_cell(
    cell: Cell, spec: SweepSpec, facts: DataFacts, cost: CostModel | None
) -> DroppedCell | list[PlannedRun]:
    dropped = _dropped(cell, spec, facts)
    return dropped or [_planned_run(cell, spec, facts, cost, seed) for seed in range(cell.seeds)]


def _dropped(cell: Cell, spec: SweepSpec, facts: DataFacts) -> DroppedCell | None:
    """The cell with the rule that drops it; None where it can run."""
    found = _reason_to_drop(cell, spec, facts)
    if found is None:
        return None
    params = count_parameters(cell.model).matmul
    return DroppedCell(cell.budget, params, describe(cell.model), found[1], cell.setting.vary, found[0])


def sequences_of(cell: Cell) -> int:
    """Training sequences that come nearest to the budget."""
    return round(cell.budget / (flops_per_token(cell.model) * cell.model.context))


def _unique_sequences(cell: Cell, facts: DataFacts) -> int | None:
    """Training sequences that the cell reads again and again; None where those are all that the corpus has."""
    unique = math.ceil(sequences_of(cell) / cell.epochs)
    return unique if cell.epochs > 1 and unique < sequence_count(facts.train_tokens, cell.model.context) else None


def _epochs(cell: Cell, facts: DataFacts) -> float:
    """Passes over the cell's unique tokens."""
    unique = _unique_sequences(cell, facts)
    return sequences_of(cell) / unique if unique else sequences_of(cell) * cell.model.context / facts.train_tokens


def _train(cell: Cell, spec: SweepSpec, facts: DataFacts, seed: int) -> TrainConfig:
    train = train_config(cell.setting.recipe, cell.model, sequences_of(cell), seed=seed, numerics=spec.numerics)
    train = replace(train, unique_sequences=_unique_sequences(cell, facts))
    return on_trunk(cell.setting.recipe, cell.model, train) if spec.share_trunks else train


def _reason_to_drop(cell: Cell, spec: SweepSpec, facts: DataFacts) -> tuple[Cause, str] | None:
    """Which rule drops a cell, and why in words; None where it can run."""
    found = _off_budget(cell)
    if found:
        return found
    try:
        train = _train(cell, spec, facts, 0)
    except (ConfigError, RecipeError) as error:
        return Cause.CONTRADICTION, str(error)
    fewest = cell.setting.recipe.min_steps
    if train.steps < fewest:
        message = f"{train.steps} optimizer steps, fewer than {fewest}: too few for the loss to reflect the size"
        return Cause.FEW_STEPS, message
    return _short_of_data(cell, spec, facts)


def whatever_the_settings(cell: Cell, spec: SweepSpec, facts: DataFacts) -> tuple[Cause, str] | None:
    """Which rule drops a cell whatever batch, rates and the like are, and why in words; None where none does."""
    return _off_budget(cell) or _short_of_data(cell, spec, facts)


def _off_budget(cell: Cell) -> tuple[Cause, str] | None:
    """Why no run of its own lands on the cell's budget; None where one does."""
    if cell.repeats_shape:
        return Cause.SAME_SHAPE, "the same shape as its neighbour: the recipe can build none between them"
    sequences = sequences_of(cell)
    spent = sequences * cell.model.context * flops_per_token(cell.model)
    if sequences < 1 or abs(spent / cell.budget - 1) > TOLERANCE:
        message = f"a whole number of sequences misses the budget by more than {TOLERANCE:.0%}: shorten context"
        return Cause.OFF_BUDGET, message
    return None


def _short_of_data(cell: Cell, spec: SweepSpec, facts: DataFacts) -> tuple[Cause, str] | None:
    """Why the corpus is too small for a cell; None where it is not."""
    epochs = _epochs(cell, facts)
    if epochs > spec.epochs_max:
        passes = f"{epochs:.2f} epochs of {round(sequences_of(cell) * cell.model.context / epochs):,} unique tokens"
        if domain := facts.shortest:
            passes = f"{epochs:.2f} epochs of domain {domain.name}, {domain.tokens:,} tokens at {domain.weight:.1%}"
        return Cause.DATA, f"{passes}, above epochs_max = {spec.epochs_max:g}"
    return None


def _planned_run(cell: Cell, spec: SweepSpec, facts: DataFacts, cost: CostModel | None, seed: int) -> PlannedRun:
    run = with_train(cell, _train(cell, spec, facts, seed), facts, cost)
    shared = spec.share_trunks and on_shared_trunk(cell.setting.recipe, run.run)
    return replace(run, trunk=run.run.trunk_id) if shared else run


def with_train(cell: Cell, train: TrainConfig, facts: DataFacts, cost: CostModel | None = None) -> PlannedRun:
    """The run of a cell with an optimisation, the recipe's or another."""
    model = cell.model
    run = RunConfig(model=model, train=train, dataset=facts.dataset)
    counts = count_parameters(model)
    name = describe(model)
    flops = run.tokens * flops_per_token(model)
    duration = _duration(model, train, cost)
    return PlannedRun(
        run=run,
        budget=cell.budget,
        size_id=name.replace(" ", ""),
        seed=train.seed,
        recipe=cell.setting.recipe.name,
        params=counts.matmul,
        params_total=counts.total,
        params_nonembedding=counts.nonembedding,
        flops=flops,
        flops_spent=flops,
        epochs=_epochs(cell, facts),
        shape=name,
        vary=cell.setting.vary,
        seconds=duration,
        seconds_alone=duration,
        memory_bytes=_memory(model, train, cost),
    )


def _duration(model: ModelConfig, train: TrainConfig, cost: CostModel | None) -> float | None:
    """Predicted seconds of a run; None where the device's speed is unknown."""
    return cost.seconds(model, train) if cost else None


def _memory(model: ModelConfig, train: TrainConfig, cost: CostModel | None) -> int:
    """Bytes of memory that a run should have on the device."""
    memory = cost.gpu_memory if cost else None
    return training_bytes(model, train.batch, train.numerics, memory, train.optimizer)


def describe(model: ModelConfig) -> str:
    """A shape in a few characters: `L4 d48 h2 ff128`, kv1 for grouped heads, e8a2 for 2 of 8 experts a token."""
    grouped = f" kv{model.kv_heads}" if model.kv_heads else ""
    experts = f" e{model.experts}a{model.active}" if model.experts > 1 else ""
    return f"L{model.n_layers} d{model.d_model} h{model.n_heads}{grouped} ff{model.d_ff}{experts}"


def _check_limits(plan: Plan, workers: int) -> None:
    limits = plan.spec.limits
    if len(plan.all_runs) > limits.runs:
        raise PlanError(f"the plan has {len(plan.all_runs)} runs, above limits.runs = {limits.runs}")
    if limits.flops is not None and plan.flops > limits.flops:
        raise PlanError(
            f"the plan spends {typed_flops(plan.flops)} FLOPs, above limits.flops = {typed_flops(limits.flops)}"
        )
    hours = plan.seconds / 3600 / max(1, workers) if plan.seconds is not None else 0.0
    if limits.hours is not None and hours > limits.hours:
        raise PlanError(f"the plan takes {hours:.2g} hours, above limits.hours = {limits.hours:g}")

"""SweepSpec → Plan: which runs a sweep consists of, what each costs, and which cells are dropped and why. Pure."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Protocol

from model.config import ConfigError, ModelConfig, RunConfig, TrainConfig
from model.flops import count_parameters, flops_per_token
from sweeps.recipe import (
    PART_FIELDS,
    VALUES,
    Range,
    Recipe,
    RecipeError,
    build_shape,
    flops_nodes,
    get_recipe,
    shape,
    train_config,
)
from sweeps.spec import SweepSpec

TOLERANCE: Final = 0.01
"""Relative distance from its budget within which a run lands."""
FEWEST_SIZES: Final = 5
"""Sizes under which a budget's curve is refused by the fit."""
FEWEST_VALIDATION_TOKENS: Final = 128_000


class PlanError(ValueError):
    """A sweep cannot be planned or exceeds one of its limits; the message names it."""


class CostModel(Protocol):
    """What a run takes on the device at hand."""

    def seconds(self, model: ModelConfig, train: TrainConfig) -> float | None:
        """Wall-clock seconds of the run on one worker, or None where nothing is known."""


@dataclass(frozen=True)
class DataFacts:
    """What a plan must know of the tokenised corpus."""

    dataset: str
    """Content hash."""
    vocab: int
    """Entries of the vocabulary."""
    train_tokens: int
    """Unique training tokens."""
    validation_tokens: int
    """Validation tokens."""


@dataclass(frozen=True)
class PlannedRun:
    """One run of the plan with what it costs."""

    run: RunConfig
    """The run itself."""
    budget: float
    """Nominal training FLOPs of its cell."""
    size_id: str
    """Identity of its size across budgets."""
    seed: int
    """Seed."""
    recipe: str
    """Registry key of its recipe."""
    params: int
    """N: matmul parameters, head included, look-up not."""
    params_total: int
    """All parameters."""
    params_nonembedding: int
    """Parameters without embedding and head."""
    tokens: int
    """Training tokens D."""
    flops: float
    """Training FLOPs D · F(N)."""
    steps: int
    """Optimizer steps."""
    batch_tokens: int
    """Tokens of one step."""
    epochs: float
    """D over the unique training tokens."""
    shape: str
    """Such as `L4 d48 h2 ff128`."""
    vary: dict[str, Any]
    """Values of the sweep's axes."""
    seconds: float | None
    """Predicted seconds on one worker, or None where nothing is known."""
    memory_bytes: int
    """Estimated memory of training, bytes."""

    @cached_property
    def run_id(self) -> str:
        """Identity by content."""
        return self.run.run_id


@dataclass(frozen=True)
class DroppedCell:
    """A cell of the grid that will not run."""

    budget: float
    """Training FLOPs."""
    params: int
    """N of its shape."""
    shape: str
    """Shape."""
    reason: str
    """Why, and what would change it."""
    vary: dict[str, Any] = field(default_factory=dict)
    """Values of the sweep's axes."""


@dataclass(frozen=True)
class Plan:
    """What a sweep would run."""

    spec: SweepSpec
    """The sweep."""
    runs: tuple[PlannedRun, ...]
    """By combination of axes, budget, size and seed."""
    dropped: tuple[DroppedCell, ...]
    """Cells left out."""
    warnings: tuple[str, ...]
    """Plain sentences."""

    @property
    def flops(self) -> float:
        """Training FLOPs of all runs."""
        return math.fsum(run.flops for run in self.runs)

    @property
    def seconds(self) -> float | None:
        """Predicted seconds of all runs one after the other, or None where one is unknown."""
        known = [run.seconds for run in self.runs if run.seconds is not None]
        return math.fsum(known) if known and len(known) == len(self.runs) else None


@dataclass(frozen=True)
class _Setting:
    """One combination of the sweep's axes, resolved."""

    vary: dict[str, Any]
    recipe: Recipe
    parts: dict[str, Any]
    context: int
    vocab: int

    def shape_near(self, params: float) -> ModelConfig:
        return shape(self.recipe, params, self.vocab, self.context, self.parts)


@dataclass(frozen=True)
class _Cell:
    """One model at one budget, with its seeds."""

    setting: _Setting
    budget: float
    model: ModelConfig
    seeds: int


def make_plan(spec: SweepSpec, facts: DataFacts, cost: CostModel | None = None, *, workers: int = 1) -> Plan:
    """Plan a sweep: every run with its budget, shape, optimisation, FLOPs and cost. Starts nothing.

    Args:
        spec: the sweep.
        facts: the tokenised corpus.
        cost: predicts seconds; without it limits.hours cannot be checked.
        workers: runs at a time, for limits.hours.

    Raises:
        PlanError: where a limit is exceeded or the recipe can build no model.
    """
    runs: dict[str, PlannedRun] = {}
    dropped: list[DroppedCell] = []
    twice = 0
    for cell in _cells(spec, facts, dropped):
        planned = _planned_cell(cell, spec, facts, cost)
        if isinstance(planned, DroppedCell):
            dropped.append(planned)
            continue
        for run in planned:
            twice += run.run_id in runs
            runs.setdefault(run.run_id, run)
    plan = Plan(spec, tuple(runs.values()), tuple(dropped), ())
    _check_limits(plan, workers)
    warnings = _warnings(plan, facts)
    if twice:
        warnings.append(f"{twice} runs of different cells are equal and run once")
    return Plan(plan.spec, plan.runs, plan.dropped, tuple(warnings))


def plan_single(
    spec: SweepSpec,
    facts: DataFacts,
    flops: float,
    params: float,
    *,
    seed: int = 0,
    cost: CostModel | None = None,
    vary: Mapping[str, Any] | None = None,
) -> PlannedRun:
    """The run of the buildable shape nearest to `params` that spends `flops`, under the sweep's recipe and data.

    Raises:
        PlanError: where no such run can land on the budget, with the reason.
    """
    setting = _setting(spec, facts, dict(vary or {}))
    cell = _Cell(setting, flops, _buildable(setting, params), 1)
    reason = _reason_to_drop(cell, spec, facts)
    if reason:
        raise PlanError(f"no run of {params:,.0f} parameters at {flops:.3g} FLOPs: {reason}")
    return _planned_run(cell, spec, facts, cost, seed)


def _settings(spec: SweepSpec, facts: DataFacts) -> Iterator[_Setting]:
    for values in itertools.product(*spec.vary.values()):
        yield _setting(spec, facts, dict(zip(spec.vary, values, strict=True)))


def _setting(spec: SweepSpec, facts: DataFacts, vary: dict[str, Any]) -> _Setting:
    try:
        overrides = spec.recipe_overrides | {key: value for key, value in vary.items() if key in VALUES}
        recipe = get_recipe(vary.get("recipe", spec.recipe), overrides)
    except RecipeError as error:
        raise PlanError(str(error)) from None
    parts = spec.model | {key: value for key, value in vary.items() if key in PART_FIELDS}
    return _Setting(vary, recipe, parts, int(vary.get("context", spec.context)), facts.vocab)


def _buildable(setting: _Setting, params: float) -> ModelConfig:
    try:
        return setting.shape_near(params)
    except RecipeError as error:
        raise PlanError(str(error)) from None


def _cells(spec: SweepSpec, facts: DataFacts, dropped: list[DroppedCell]) -> Iterator[_Cell]:
    """The grid, one cell a shape and budget; shapes that coincide within a budget are dropped but once."""
    for setting in _settings(spec, facts):
        first_centre = centre(spec, setting, spec.budgets[0])
        for budget in spec.budgets:
            middle = centre(spec, setting, budget)
            models = _models(spec, setting, middle, first_centre)
            nearest = min(models, key=lambda m: abs(math.log(count_parameters(m).matmul / middle)))
            seen: set[ModelConfig] = set()
            for model in models:
                if model in seen:
                    reason = "the same shape as its neighbour: the recipe can build none between them"
                    dropped.append(_dropped(setting, budget, model, reason))
                    continue
                seen.add(model)
                yield _Cell(setting, budget, model, _seeds(spec, budget) if model == nearest else spec.seeds.default)


def _seeds(spec: SweepSpec, budget: float) -> int:
    """Seeds of the centre cell of a budget."""
    seeds = spec.seeds.default
    if budget == spec.budgets[0]:
        seeds = max(seeds, spec.seeds.smallest_budget)
    if budget == spec.budgets[-1]:
        seeds = max(seeds, spec.seeds.largest_budget)
    return seeds


def centre(spec: SweepSpec, setting: _Setting, budget: float) -> float:
    """N at the centre of a budget's curve, by the sweep's rule."""
    if spec.centre.params_at:
        ((at, params),) = spec.centre.params_at.items()
        return float(params * (budget / float(at)) ** spec.centre.exponent)
    ratio = spec.centre.tokens_per_param or setting.recipe.tokens_per_param
    return _params_with_ratio(setting, budget, ratio)


def _params_with_ratio(setting: _Setting, budget: float, ratio: float) -> float:
    """N whose D/N equals `ratio` at a budget: N · F(N) = C / ratio, inverted through the ladder's nodes."""
    wanted = math.log(budget / ratio)
    nodes = flops_nodes(setting.recipe, setting.vocab, setting.context, setting.parts, high=_power_of_4(budget / ratio))
    if not nodes:
        raise PlanError(f"recipe {setting.recipe.name} can build no shape")
    logs = [(math.log(params), math.log(params * flops)) for params, flops in nodes]
    above = bisect.bisect_left([y for _, y in logs], wanted)
    if above in (0, len(logs)):
        # Outside the ladder N · F(N) grows as N², closely enough for a centre.
        x, y = logs[min(above, len(logs) - 1)]
        return math.exp(x + (wanted - y) / 2)
    (x0, y0), (x1, y1) = logs[above - 1], logs[above]
    return math.exp(x0 + (x1 - x0) * (wanted - y0) / (y1 - y0))


def _power_of_4(product: float) -> float:
    """A ceiling for N where 6 · N² stays below `product`, coarse so that budgets share cached ladders."""
    return 4.0 ** math.ceil(math.log(max(product, 6.0) / 6, 16) + 0.5)


def _models(spec: SweepSpec, setting: _Setting, middle: float, first_centre: float) -> list[ModelConfig]:
    """Shapes of one budget's curve, ascending in N."""
    sizes = spec.sizes
    if sizes.shapes:
        models = [_explicit(setting, entry) for entry in sizes.shapes]
    else:
        targets = sizes.params or _targets(sizes.count, sizes.span, middle, first_centre)
        models = [_buildable(setting, target) for target in targets]
    return sorted(models, key=lambda model: count_parameters(model).matmul)


def _explicit(setting: _Setting, entry: Mapping[str, int]) -> ModelConfig:
    try:
        return build_shape(setting.recipe, setting.vocab, setting.context, entry["d_model"], setting.parts | entry)
    except ConfigError as error:
        raise PlanError(f"sizes.shapes: {error}") from None


def _targets(count: int, span: float, middle: float, first_centre: float) -> list[float]:
    """Sizes from centre ÷ span to centre × span on one ladder of equal ratios that all budgets share."""
    if count == 1:
        return [middle]
    step = 2 * math.log(span) / (count - 1)
    rung = round(math.log(middle / first_centre) / step)
    return [first_centre * math.exp(step * (rung + index - (count - 1) / 2)) for index in range(count)]


def _planned_cell(
    cell: _Cell, spec: SweepSpec, facts: DataFacts, cost: CostModel | None
) -> DroppedCell | list[PlannedRun]:
    reason = _reason_to_drop(cell, spec, facts)
    if reason:
        return _dropped(cell.setting, cell.budget, cell.model, reason)
    return [_planned_run(cell, spec, facts, cost, seed) for seed in range(cell.seeds)]


def _dropped(setting: _Setting, budget: float, model: ModelConfig, reason: str) -> DroppedCell:
    return DroppedCell(budget, count_parameters(model).matmul, describe(model), reason, setting.vary)


def _sequences(cell: _Cell) -> int:
    """Training sequences that come nearest to the budget."""
    return round(cell.budget / (flops_per_token(cell.model) * cell.model.context))


def _train(cell: _Cell, spec: SweepSpec, seed: int) -> TrainConfig:
    return train_config(cell.setting.recipe, cell.model, _sequences(cell), seed=seed, numerics=spec.numerics)


def _reason_to_drop(cell: _Cell, spec: SweepSpec, facts: DataFacts) -> str | None:
    """Why a cell cannot run, or None."""
    sequences = _sequences(cell)
    spent = sequences * cell.model.context * flops_per_token(cell.model)
    if sequences < 1 or abs(spent / cell.budget - 1) > TOLERANCE:
        return f"a whole number of sequences misses the budget by more than {TOLERANCE:.0%}: shorten context"
    try:
        train = _train(cell, spec, 0)
    except ConfigError as error:
        return str(error)
    if train.steps < cell.setting.recipe.min_steps:
        fewest = cell.setting.recipe.min_steps
        return f"{train.steps} optimizer steps, fewer than {fewest}: its loss would tell of steps and not of size"
    epochs = sequences * cell.model.context / facts.train_tokens
    if epochs > spec.epochs_max:
        return f"{epochs:.2f} epochs of {facts.train_tokens:,} unique tokens, above epochs_max = {spec.epochs_max:g}"
    return None


def _planned_run(cell: _Cell, spec: SweepSpec, facts: DataFacts, cost: CostModel | None, seed: int) -> PlannedRun:
    model, train = cell.model, _train(cell, spec, seed)
    run = RunConfig(model=model, train=train, dataset=facts.dataset)
    counts = count_parameters(model)
    name = describe(model)
    return PlannedRun(
        run=run,
        budget=cell.budget,
        size_id=name.replace(" ", ""),
        seed=seed,
        recipe=cell.setting.recipe.name,
        params=counts.matmul,
        params_total=counts.total,
        params_nonembedding=counts.nonembedding,
        tokens=run.tokens,
        flops=run.tokens * flops_per_token(model),
        steps=train.steps,
        batch_tokens=train.batch * model.context,
        epochs=run.tokens / facts.train_tokens,
        shape=name,
        vary=cell.setting.vary,
        seconds=cost.seconds(model, train) if cost else None,
        memory_bytes=memory_bytes(model, train),
    )


def describe(model: ModelConfig) -> str:
    """A shape in a few characters: `L4 d48 h2 ff128`."""
    return f"L{model.n_layers} d{model.d_model} h{model.n_heads} ff{model.d_ff}"


def memory_bytes(model: ModelConfig, train: TrainConfig) -> int:
    """Estimated bytes of training: 16 a parameter (weight, gradient, two moments in fp32) and the activations.

    Activations kept for the backward pass, a token: some 12 widths and 3 MLP widths a block, the attention
    probabilities, and logits with their gradient; all in 4 bytes.
    """
    tokens = train.batch * model.context
    block = 12 * model.d_model + 3 * model.d_ff + 2 * model.n_heads * model.context
    activations = 4 * tokens * (model.n_layers * block + 3 * model.vocab)
    return 16 * count_parameters(model).total + activations


def _check_limits(plan: Plan, workers: int) -> None:
    limits = plan.spec.limits
    if len(plan.runs) > limits.runs:
        raise PlanError(f"the plan has {len(plan.runs)} runs, above limits.runs = {limits.runs}")
    if limits.flops is not None and plan.flops > limits.flops:
        raise PlanError(f"the plan spends {plan.flops:.3g} FLOPs, above limits.flops = {limits.flops:.3g}")
    hours = plan.seconds / 3600 / max(1, workers) if plan.seconds is not None else 0.0
    if limits.hours is not None and hours > limits.hours:
        raise PlanError(f"the plan takes {hours:.2g} hours, above limits.hours = {limits.hours:g}")


def _warnings(plan: Plan, facts: DataFacts) -> list[str]:
    """What a user should know before starting."""
    warnings = [*_range_warnings(plan), *_curve_warnings(plan)]
    if facts.validation_tokens < FEWEST_VALIDATION_TOKENS:
        few = f"{facts.validation_tokens:,} validation tokens"
        warnings.append(f"{few}, fewer than {FEWEST_VALIDATION_TOKENS:,}: losses are noisier than they need be")
    if plan.spec.limits.hours is not None and plan.runs and plan.seconds is None:
        warnings.append("limits.hours cannot be checked: nothing is known of this device's speed yet")
    return warnings


def _range_warnings(plan: Plan) -> Iterator[str]:
    """One sentence for each range of a recipe that runs leave."""
    for name in dict.fromkeys(run.recipe for run in plan.runs):
        recipe = get_recipe(name)
        runs = [run for run in plan.runs if run.recipe == name]
        quantities: tuple[tuple[str, Range, list[float]], ...] = (
            ("parameters", recipe.params_range, [run.params for run in runs]),
            ("tokens per parameter", recipe.ratio_range, [run.tokens / run.params for run in runs]),
            ("tokens a step", recipe.batch_range, [run.batch_tokens for run in runs]),
        )
        for what, valid, values in quantities:
            outside = [value for value in values if value not in valid]
            if outside:
                span = f"{min(outside):.3g}" + (f" to {max(outside):.3g}" if max(outside) > min(outside) else "")
                yield (
                    f"{len(outside)} of {len(runs)} runs have {span} {what}, outside {valid.low:.3g} to {valid.high:.3g} "
                    f"where recipe {name} has been shown good"
                )


def _curve_warnings(plan: Plan) -> Iterator[str]:
    """Curves that the fit will refuse or that are bent by their design."""
    combinations: dict[str, list[PlannedRun]] = {}
    for run in plan.runs:
        combinations.setdefault(str(run.vary), []).append(run)
    if not plan.runs:
        yield "no cell of the grid can run: see the reasons of the dropped cells"
    for label, runs in combinations.items():
        where = "" if label == "{}" else f" with {label}"
        for budget in plan.spec.budgets:
            sizes = len({run.size_id for run in runs if run.budget == budget})
            if sizes < FEWEST_SIZES:
                yield f"{sizes} sizes are left at {budget:.3g} FLOPs{where}: the fit refuses fewer than {FEWEST_SIZES}"
        depths = {run.run.model.n_layers for run in runs}
        if len(depths) > 1 and get_recipe(runs[0].recipe).layers:
            yield f"depths {sorted(depths)} are mixed{where}: a step in depth looks like a kink of the curve"
    if len(plan.spec.budgets) < 3:
        yield f"{len(plan.spec.budgets)} budgets: a power law needs at least 3"

"""The plan: what runs, what is dropped and why, and the limits."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from model.flops import count_parameters, flops_per_token
from model.memory import HEADROOM, micro_batch_for, step_bytes
from sweeps.file import compose
from sweeps.file.spec import CentreSpec, LimitsSpec, SizesSpec
from sweeps.plan.plan import make_plan, plan_single
from sweeps.plan.records import DataFacts, PlanError
from tests.unit.sweeps.plans import FACTS, ROOT, Steady, sizes_at, spec_of


@pytest.mark.parametrize("name", compose.bases())
def test_every_packaged_sweep_plans_enough_curves(name: str) -> None:
    spec = compose.load_sweep(ROOT / f"sweeps/conf/{name}.yaml")
    tokens = {"tiny": 1_500_000, "gpu": 2_000_000_000, "gpu-short": 90_000_000}.get(name, 20_000_000)
    plan = make_plan(spec, DataFacts("d" * 64, spec.tokenizer.vocab, tokens, 200_000), Steady())
    assert len(spec.budgets) >= 3
    least = 5 if name == "tiny" else 7
    assert all(len(sizes_at(plan, budget)) >= least for budget in spec.budgets)
    assert max(run.epochs for run in plan.runs) <= 0.8 * spec.epochs_max
    assert not plan.dropped


def test_demo_is_small_enough_for_minutes() -> None:
    plan = make_plan(compose.load_sweep(ROOT / "sweeps/conf/demo.yaml"), FACTS)
    assert plan.flops < 1.2e13
    centre = [run for run in plan.runs if run.budget == min(plan.spec.budgets)]
    assert max(len([r for r in centre if r.size_id == run.size_id]) for run in centre) == 3


@settings(max_examples=40, deadline=None)
@given(
    budgets=st.lists(st.floats(1e9, 1e15), min_size=1, max_size=4, unique=True),
    ratio=st.floats(1, 200),
    span=st.floats(1.5, 8),
    context=st.sampled_from([16, 128, 1000]),
    recipe=st.sampled_from(["cpu-small", "porian-olmo"]),
)
def test_every_planned_run_lands_on_its_budget(
    budgets: list[float], ratio: float, span: float, context: int, recipe: str
) -> None:
    ordered = sorted(budgets)
    # Budgets within a run's tolerance of each other share runs, which run once.
    assume(all(high > 1.02 * low for low, high in itertools.pairwise(ordered)))
    spec = spec_of(
        budgets=tuple(ordered),
        centre=CentreSpec(tokens_per_param=ratio),
        sizes=SizesSpec(span=span),
        context=context,
        recipe=recipe,
        epochs_max=1000.0,
    )
    plan = make_plan(spec, FACTS)
    assert len(plan.runs) + len(plan.dropped) == 7 * len(budgets)
    for run in plan.runs:
        assert abs(run.flops / run.budget - 1) <= 0.01
        assert run.flops == run.tokens * flops_per_token(run.run.model)
        assert run.tokens % context == 0
        assert run.steps == math.ceil(run.run.train.sequences / run.run.train.batch) >= 100
        assert run.params == count_parameters(run.run.model).matmul
        assert run.epochs == run.tokens / FACTS.train_tokens <= 1000
    assert all(cell.reason for cell in plan.dropped)


def test_cells_are_dropped_with_their_reason() -> None:
    few = DataFacts("d" * 64, 1024, 2_000_000, 200_000)
    plan = make_plan(spec_of(sizes=SizesSpec(span=10.0), recipe_overrides={"min_steps": 1000}), few)
    reasons = {cell.reason.split(",")[0] for cell in plan.dropped}
    assert any("optimizer steps" in reason for reason in reasons)
    assert any("epochs of 2" in cell.reason and "above epochs_max = 1" in cell.reason for cell in plan.dropped)
    assert max(run.epochs for run in plan.runs) <= 1
    assert min(run.steps for run in plan.runs) >= 1000
    several = make_plan(spec_of(sizes=SizesSpec(span=10.0), epochs_max=50.0), few)
    assert not any("epochs" in cell.reason for cell in several.dropped)


def test_a_cell_with_exactly_the_fewest_steps_runs() -> None:
    shortest = min(make_plan(spec_of(), FACTS).runs, key=lambda run: run.steps)

    def reasons(fewest: int) -> list[str]:
        """Why the shortest cell is dropped, if it is, where so many steps are asked for."""
        plan = make_plan(spec_of(recipe_overrides={"min_steps": fewest}), FACTS)
        assert (shortest.run_id in {run.run_id for run in plan.runs}) == (not plan.dropped)
        return [cell.reason for cell in plan.dropped]

    assert reasons(shortest.steps) == []
    (reason, *_) = reasons(shortest.steps + 1)
    assert reason.startswith(f"{shortest.steps} optimizer steps, fewer than {shortest.steps + 1}:")


def test_shapes_that_coincide_and_budgets_that_cannot_be_met_are_dropped() -> None:
    crowded = make_plan(spec_of(sizes=SizesSpec(count=40, span=1.2)), FACTS)
    assert {cell.reason for cell in crowded.dropped} == {
        "the same shape as its neighbour: the recipe can build none between them"
    }
    coarse = make_plan(spec_of(budgets=(1e9,), context=4096), FACTS)
    assert not coarse.runs
    assert any("misses the budget by more than 1%" in cell.reason for cell in coarse.dropped)
    assert "no cell of the grid can run: see the reasons of the dropped cells" in coarse.warnings
    clash = make_plan(spec_of(recipe_overrides={"warmup": 0.9}), FACTS)
    assert {cell.reason for cell in clash.dropped} == {"train.warmup + train.cooldown exceed the whole run"}


def test_axes_multiply_the_grid_and_mark_their_runs() -> None:
    plan = make_plan(
        spec_of(recipe_overrides={"lr_exponent": 0}, vary={"lr": [0.003, 0.006], "qk_norm": [True, False]}), FACTS
    )
    assert len(plan.runs) == 4 * 21
    for run in plan.runs:
        assert run.run.train.lr == run.vary.to_dict()["lr"]
        assert run.run.model.qk_norm == run.vary.to_dict()["qk_norm"]
    contexts = make_plan(spec_of(vary={"context": [64, 128]}), FACTS)
    assert {run.run.model.context for run in contexts.runs} == {64, 128}


def test_axes_that_change_nothing_run_once() -> None:
    plan = make_plan(spec_of(vary={"large_batch": [1e6, 2e6]}), FACTS)
    assert len(plan.runs) == 21
    assert "21 runs of different cells are identical and are trained once" in plan.warnings
    assert {run.vary.to_dict()["large_batch"] for run in plan.runs} == {1e6}
    assert {tuple(vary.to_dict()["large_batch"] for vary in run.shared) for run in plan.runs} == {(2e6,)}
    assert {run.shared for run in make_plan(spec_of(), FACTS).runs} == {()}


def test_plan_is_deterministic_and_a_larger_sweep_contains_the_smaller() -> None:
    assert make_plan(spec_of(), FACTS) == make_plan(spec_of(), FACTS)
    small = {run.run_id for run in make_plan(spec_of(), FACTS).runs}
    large = {run.run_id for run in make_plan(spec_of(budgets=(1e11, 3e11, 1e12, 3e12)), FACTS).runs}
    assert small < large
    other = DataFacts("e" * 64, 1024, 20_000_000, 200_000)
    assert small.isdisjoint(run.run_id for run in make_plan(spec_of(), other).runs)


def test_limits_are_named() -> None:
    cost = Steady()
    plan = make_plan(spec_of(), FACTS, cost)
    assert plan.seconds == pytest.approx(plan.flops / 1e10)
    with pytest.raises(PlanError, match=r"limits\.flops"):
        make_plan(spec_of(limits=LimitsSpec(flops=1e12)), FACTS)
    with pytest.raises(PlanError, match=r"limits\.hours"):
        make_plan(spec_of(limits=LimitsSpec(hours=0.2)), FACTS, cost)
    assert make_plan(spec_of(limits=LimitsSpec(hours=0.2)), FACTS, cost, workers=2).runs
    unknown = make_plan(spec_of(limits=LimitsSpec(hours=0.2)), FACTS)
    assert unknown.seconds is None
    assert any("limits.hours cannot be checked" in warning for warning in unknown.warnings)


def test_single_run_for_a_prediction() -> None:
    run = plan_single(spec_of(), FACTS, 3e12, 150_000, seed=4, cost=Steady())
    assert run.params == pytest.approx(150_000, rel=0.1)
    assert run.flops == pytest.approx(3e12, rel=0.01)
    assert (run.seed, run.seconds) == (4, pytest.approx(300, rel=0.01))
    with pytest.raises(PlanError, match="epochs"):
        plan_single(spec_of(), FACTS, 1e14, 150_000)
    with pytest.raises(PlanError, match="optimizer steps"):
        plan_single(spec_of(recipe_overrides={"min_steps": 5000}), FACTS, 1e12, 5e4)


def test_memory_grows_with_model_and_batch() -> None:
    small = plan_single(spec_of(), FACTS, 1e12, 5e4)
    large = plan_single(spec_of(recipe_overrides={"batch_length_exponent": 0}), FACTS, 1e12, 2e5)
    wide = plan_single(spec_of(recipe_overrides={"batch_tokens": 1536}), FACTS, 1e12, 5e4)
    assert 16 * small.params_total < small.memory_bytes < large.memory_bytes
    assert small.memory_bytes < wide.memory_bytes < 2 * small.memory_bytes


def test_memory_is_that_of_the_micro_batch_which_the_device_would_choose() -> None:
    """A batch of millions of tokens trains in passes: what dispatch needs to know is what one of them takes."""
    gpu = compose.load_sweep(ROOT / "sweeps/conf/gpu.yaml")
    facts = DataFacts("d" * 64, gpu.tokenizer.vocab, 2_000_000_000, 200_000)
    everything, h100, small = (
        {r.run_id: r.memory_bytes for r in make_plan(gpu, facts, Steady(memory)).runs}
        for memory in (10**15, 80 * 10**9, 16 * 10**9)
    )
    assert max(everything.values()) > 80e9 > max(h100.values())
    assert max(small.values()) <= 16e9
    for run in make_plan(gpu, facts, Steady(80 * 10**9)).runs:
        model, train = run.run.model, run.run.train
        options = {"explicit_attention": False, "whole_head": False}
        micro = micro_batch_for(model, train.batch, train.numerics, 80 * 10**9, **options)
        assert run.memory_bytes * HEADROOM == pytest.approx(step_bytes(model, micro, train.numerics, **options))
        assert (micro == train.batch) == (everything[run.run_id] == h100[run.run_id])
        # The share of a GPU that dispatch takes by this holds the same micro-batch.
        assert micro_batch_for(model, train.batch, train.numerics, run.memory_bytes, **options) == micro


@pytest.mark.parametrize("split", ["training", "validation"])
def test_a_split_below_one_sequence_is_found_by_the_plan(split: str) -> None:
    """Of the longest context that the sweep has, by a plan of the grid and by that of a single run."""

    def having(tokens: int) -> DataFacts:
        return DataFacts("d", 1024, *((tokens, 10**6) if split == "training" else (10**9, tokens)))

    message = f"the {split} split has 128 tokens, fewer than one sequence of 128 \\+ 1"
    with pytest.raises(PlanError, match=message):
        make_plan(spec_of(), having(128))
    change = "lower" if split == "training" else "raise"
    with pytest.raises(PlanError, match=f"{change} corpus.validation_fraction \\(0.02\\), or shorten context"):
        plan_single(spec_of(), having(128), 1e11, 5e4)
    make_plan(spec_of(), having(129))
    with pytest.raises(PlanError, match=f"the {split} split has 256 tokens, fewer than one sequence of 256"):
        make_plan(spec_of(vary={"context": [64, 256]}), having(256))


def test_each_cell_is_trained_with_every_number_of_passes() -> None:
    plan = make_plan(spec_of(epochs=(1.0, 2.0, 8.0), epochs_max=8.0), FACTS)
    once = make_plan(spec_of(), FACTS)
    assert [run.run_id for run in plan.runs if run.run.train.unique_sequences is None] == [
        run.run_id for run in once.runs
    ]
    assert len(plan.runs) - len(once.runs) == 2 * len({(run.budget, run.params) for run in once.runs})
    assert plan.by_combination == once.by_combination, "only runs of fresh tokens enter the law"
    again = [run for run in plan.runs if run.run.train.unique_sequences]
    assert {round(run.epochs) for run in again} == {2, 8} and max(run.epochs for run in again) <= 8
    unique = [(run.run.train.unique_sequences or 0) * run.run.model.context for run in again]
    assert [run.epochs for run in again] == pytest.approx(
        [run.tokens / u for run, u in zip(again, unique, strict=True)]
    )


def test_a_corpus_that_is_too_small_for_so_few_passes_is_read_whole() -> None:
    small = DataFacts("d" * 64, 1024, 60_000, 200_000)
    plan = make_plan(spec_of(epochs=(1.0, 2.0), epochs_max=1000.0), small)
    assert all(run.run.train.unique_sequences is None for run in plan.runs)
    assert any("identical and are trained once" in warning for warning in plan.warnings)


def test_one_run_may_be_held_to_few_tokens_however_often() -> None:
    run = plan_single(spec_of(), FACTS, 1e12, 5e4, unique_tokens=100_000)
    assert (run.run.train.unique_sequences or 0) * run.run.model.context == pytest.approx(100_000, rel=0.01)
    assert run.epochs == pytest.approx(run.tokens / 100_000, rel=0.01)

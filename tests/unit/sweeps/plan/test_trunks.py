"""Sharing trunks in a plan: who shares, what is saved, and that a sweep without it is what it was."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pytest

from model.config import ModelConfig, TrainConfig
from model.flops import flops_per_token
from sweeps.file import compose
from sweeps.file.spec import SeedsSpec, SizesSpec, SweepSpec
from sweeps.plan.plan import make_plan, plan_of_runs, plan_single
from sweeps.plan.records import DataFacts, Plan, PlanError, PlannedRun
from sweeps.plan.trunks import MOST_WARMUP, shared_warmup
from sweeps.recipes.registry import get_recipe

FACTS = DataFacts(dataset="d" * 64, vocab=1024, train_tokens=20_000_000, validation_tokens=200_000)
CONF = Path(compose.__file__).parents[1] / "conf"


class Steady:
    """A device that does 1e10 FLOPs a second."""

    gpu_memory = None

    def seconds(self, model: ModelConfig, train: TrainConfig, mates: int = 1) -> float | None:
        return train.sequences * model.context * flops_per_token(model) / 1e10

    def processes(self, model: ModelConfig, train: TrainConfig, mates: int = 1) -> int:
        """One at a time."""
        return 1


def plan_of(share: bool = True, **changes: Any) -> Plan:
    base: dict[str, Any] = {
        "name": "t",
        "budgets": (1e11, 3e11, 9e11, 2.7e12),
        "sizes": SizesSpec(params=(15_000, 25_000, 40_000, 65_000, 100_000)),
        "share_trunks": share,
        "epochs_max": 100.0,
    }
    return make_plan(SweepSpec(**(base | changes)), FACTS, Steady())


def by_trunk(plan: Plan) -> dict[str, list[PlannedRun]]:
    trunks: dict[str, list[PlannedRun]] = {}
    for run in plan.runs:
        if run.trunk:
            trunks.setdefault(run.trunk, []).append(run)
    return trunks


def test_without_sharing_identities_are_what_they_were() -> None:
    """The runs of the demo as they were before trunks could be shared, but for the version of the arithmetic."""
    plan = make_plan(compose.load_sweep(CONF / "demo.yaml"), FACTS)
    ids = " ".join(dataclasses.replace(run.run, math_version=1).run_id for run in plan.runs)
    assert hashlib.sha256(ids.encode()).hexdigest()[:16] == "42cf8dcfbcfebd23", "see decision 2"
    assert all(run.trunk is None and run.flops_spent == run.flops for run in plan.runs)
    assert plan.trunk_bytes == (0, 0)


def test_budgets_of_a_size_and_seed_share_a_trunk_and_nothing_else_does() -> None:
    plan = plan_of(seeds=SeedsSpec(default=2))
    trunks = by_trunk(plan)
    assert len(trunks) == 10
    for runs in trunks.values():
        assert len({(run.size_id, run.seed) for run in runs}) == 1
        assert len({run.run.train.warmup_steps for run in runs}) == 1
        assert {run.trunk for run in runs} == {run.run.trunk_id for run in runs}
    assert max(len(runs) for runs in trunks.values()) == 4


def test_warmup_is_the_recipe_s_share_at_its_centre_and_hangs_on_the_shape_alone() -> None:
    recipe = get_recipe("cpu-small")
    for run in plan_of().runs:
        tokens = recipe.warmup * recipe.tokens_per_param * run.params
        assert shared_warmup(recipe, run.run.model) == max(1, round(tokens / run.batch_tokens))
    tiny = plan_of(recipe_overrides={"warmup": 1e-6}).runs[0].run
    assert tiny.train.warmup_steps == 1
    assert plan_of(recipe_overrides={"warmup": 0.0}).runs[0].run.train.warmup_steps == 0
    large = plan_single(
        SweepSpec(name="t", budgets=(1e18,), recipe="porian-olmo", share_trunks=True, epochs_max=1000.0),
        DataFacts("d", 50_000, 10**9, 10**6),
        1e18,
        1e8,
    )
    assert large.run.train.warmup_steps == pytest.approx(
        min(large.params_nonembedding, 0.1 * 20 * large.params) / large.batch_tokens, abs=1
    )


def test_a_run_too_short_for_the_trunk_s_warmup_trains_alone_and_the_plan_says_so() -> None:
    plan = plan_of()
    recipe = get_recipe("cpu-small")
    alone = [run for run in plan.runs if run.trunk is None]
    assert 0 < len(alone) < len(plan.runs) / 2
    for run in plan.runs:
        warmup = run.run.train.warmup_steps or 0
        assert warmup <= MOST_WARMUP * run.steps + 0.5
        rule = shared_warmup(recipe, run.run.model)
        assert (run.trunk is None) == (warmup < rule)
    assert any(f"{len(alone)} of {len(plan.runs)} runs" in w and "train alone" in w for w in plan.warnings)
    assert not {run.run.trunk_id for run in alone} & by_trunk(plan).keys()


def test_a_threefold_grid_saves_a_quarter_and_nominal_values_stay() -> None:
    shared, alone = plan_of(), plan_of(share=False)
    assert [(r.budget, r.params, r.tokens, r.flops) for r in shared.runs] == [
        (r.budget, r.params, r.tokens, r.flops) for r in alone.runs
    ]
    assert shared.flops == alone.flops == alone.flops_spent
    assert 0.22 < 1 - shared.flops_spent / shared.flops < 0.30
    assert shared.seconds == pytest.approx(shared.flops_spent / 1e10)
    for runs in by_trunk(shared).values():
        *followers, leader = sorted(runs, key=lambda run: run.tokens)
        assert leader.flops_spent == leader.flops
        for run in followers:
            rest = (run.run.train.sequences - run.run.train.branch_step * run.run.train.batch) * run.run.model.context
            assert run.flops_spent == pytest.approx(rest * run.flops / run.tokens)
            assert run.flops_spent == pytest.approx(0.2 * run.flops, rel=0.05)


def test_nine_budgets_for_the_price_of_five() -> None:
    """√3-spaced budgets share so much that nine of them cost no more than five that are apart by 3 and alone."""
    nine = plan_of(budgets=tuple(1e11 * 3 ** (k / 2) for k in range(9)))
    five = plan_of(share=False, budgets=tuple(1e11 * 3**k for k in range(5)))
    assert nine.flops_spent < five.flops < 0.75 * nine.flops


def test_a_run_that_is_all_cooldown_has_no_trunk() -> None:
    plan = plan_of(recipe_overrides={"cooldown": 1.0, "warmup": 0.0})
    assert all(run.trunk is None and run.run.train.branch_step == 0 for run in plan.runs)
    assert any("saves nothing" in warning for warning in plan.warnings)


def test_identities_of_shared_runs_stay_what_they_are() -> None:
    ids = " ".join(dataclasses.replace(run.run, math_version=1).run_id for run in plan_of().runs)
    assert hashlib.sha256(ids.encode()).hexdigest()[:16] == "bc838a72ccd2e581", "see decision 2"


def test_a_larger_plan_keeps_the_runs_and_trunks_of_a_smaller_one() -> None:
    small, large = plan_of(), plan_of(budgets=(1e11, 3e11, 9e11, 2.7e12, 8.1e12))
    assert {run.run_id for run in small.runs} < {run.run_id for run in large.runs}
    assert by_trunk(small).keys() <= by_trunk(large).keys()


def test_space_of_states_is_that_of_weights_and_moments() -> None:
    plan = plan_of()
    points = {(run.trunk, run.run.train.branch_step) for run in plan.runs if run.trunk}
    totals = {run.trunk: run.params_total for run in plan.runs if run.trunk}
    assert plan.trunk_bytes == (12 * sum(totals[trunk] for trunk, _ in points), 12 * sum(totals.values()))


def test_variants_that_differ_in_their_cooldown_alone_share_too() -> None:
    plan = plan_of(vary={"cooldown": [0.1, 0.2]})
    assert all(len({run.run.train.cooldown for run in runs}) == 2 for runs in by_trunk(plan).values())


@pytest.mark.parametrize("where", ["recipe_overrides", "vary"])
def test_a_schedule_without_a_constant_part_is_refused(where: str) -> None:
    change: dict[str, Any] = {"recipe_overrides": {"schedule": "cosine"}, "vary": {"schedule": ["wsd", "cosine"]}}
    with pytest.raises(PlanError, match="a cosine schedule has no constant part"):
        plan_of(**{where: change[where]})
    assert plan_of(share=False, **{where: change[where]}).runs


def test_under_a_recipe_whose_batch_hangs_on_the_length_a_trunk_has_that_of_the_centre() -> None:
    facts = DataFacts("d", 50_000, 10**12, 10**6)
    spec = {"name": "t", "budgets": (1e18, 3e18), "recipe": "marin-2025", "epochs_max": 1000.0}
    shared, alone = (make_plan(SweepSpec(**spec, share_trunks=share), facts) for share in (True, False))
    assert shared.flops_spent < 0.95 * shared.flops
    sizes = {run.size_id for run in alone.runs if len(batches(alone, run.size_id)) > 1}
    assert sizes, "the recipe's own batches differ between budgets"
    assert all(len(batches(shared, size)) == 1 for size in sizes)
    recipe = get_recipe("marin-2025")
    for run in shared.runs:
        centre = recipe.optimise(run.run.model, round(recipe.tokens_per_param * run.params / run.run.model.context))
        assert (run.run.train.batch, run.run.train.lr) == (centre.batch, centre.lr)


def batches(plan: Plan, size: str) -> set[int]:
    return {run.run.train.batch for run in plan.runs if run.size_id == size}


def test_runs_that_check_the_recipe_train_alone() -> None:
    plan = plan_of(recipe_check=True)
    assert plan.checks and all(run.trunk is None and run.flops_spent == run.flops for run in plan.checks)
    assert plan.flops_spent == pytest.approx(plan_of().flops_spent + sum(run.flops for run in plan.checks))
    assert plan.seconds == pytest.approx(plan.flops_spent / 1e10)


def test_a_short_run_warms_up_for_a_tenth_of_its_steps_and_no_more() -> None:
    recipe = get_recipe("cpu-small")
    cut = [run for run in plan_of().runs if run.trunk is None]
    assert cut
    for run in cut:
        assert run.run.train.warmup_steps == int(0.1 * run.steps + 0.5) < shared_warmup(recipe, run.run.model)


def test_a_recipe_that_warms_up_for_longer_may_do_so() -> None:
    recipe = get_recipe("cpu-small", {"warmup": 0.3})
    plan = plan_of(recipe_overrides={"warmup": 0.3})
    longest = [run for run in plan.runs if run.run.train.warmup_steps < shared_warmup(recipe, run.run.model)]
    assert longest
    for run in longest:
        assert run.run.train.warmup_steps == pytest.approx(0.3 * run.steps, abs=2)


def test_chosen_runs_share_trunks_as_those_of_a_grid_do() -> None:
    grid = plan_of()
    alone = [dataclasses.replace(run, flops_spent=run.flops) for run in grid.runs]
    chosen = plan_of_runs(grid.spec, alone, FACTS)
    assert [run.flops_spent for run in chosen.runs] == [run.flops_spent for run in grid.runs]
    assert sum(run.flops_spent for run in chosen.runs) < sum(run.flops for run in chosen.runs)

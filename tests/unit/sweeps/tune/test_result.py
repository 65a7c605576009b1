"""What a tuning has found: rules near those of the simulated losses, its test, its edges, and its recipe."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from model.flops import count_parameters
from sweeps.plan.adaptive import Decision
from sweeps.plan.plan import make_plan
from sweeps.recipes.registry import get_recipe
from sweeps.tune.cells import field_of
from sweeps.tune.result import Found, _batch, _cell, _edges, _rule, found_by
from sweeps.tune.surface import Surface
from tests.unit.sweeps.plans import FACTS, spec_of
from tests.unit.sweeps.tune.tuning import START, trained, tune_spec


@pytest.fixture(scope="module")
def found(played: list[Decision]) -> Found:
    """The result of the tuning."""
    return found_by(tune_spec(), FACTS, trained(played))


def test_the_rules_are_those_of_the_losses(found: Found) -> None:
    batch, rate = found.rules
    assert batch.value == pytest.approx(2048 * (found.reference[1] / 3e6) ** 0.5, rel=0.35)
    assert rate.value == pytest.approx(0.01, rel=0.35)
    assert batch.tokens == pytest.approx(0.5, abs=0.25) and abs(batch.params) < 0.25
    assert 1 < batch.factor < 2 and 0 < batch.tokens_half < 1
    assert found.edges == () and 0.002 < found.noise < 0.02


def test_the_range_holds_every_cell_of_the_search(found: Found) -> None:
    field = field_of(tune_spec(), FACTS)
    for cell in (*field.cells, field.left_out):
        assert found.params_range[0] <= cell.matmul <= found.params_range[1]
        assert found.ratio_range[0] <= cell.tokens / cell.matmul <= found.ratio_range[1]
    assert found.ratio_range[1] < 1.01 * max(cell.tokens / cell.matmul for cell in field.cells)


def test_the_rules_pass_at_the_cell_that_was_left_out(found: Found, played: list[Decision]) -> None:
    assert (found.test.verdict, found.test.place, found.test.runs) == ("passes", "left out", 5)
    assert found.params_range[0] < found.test.params < found.params_range[1]
    worse = [replace(t, loss=9.0) if t.part and t.part.batch_factor == t.part.lr_factor else t for t in trained(played)]
    failed = found_by(tune_spec(), FACTS, worse)
    assert failed.test.verdict == "fails" and failed.rules == found.rules, "the test is no part of the search"


def test_each_cell_says_what_it_gained(found: Found) -> None:
    assert len(found.cells) == 6
    for cell in found.cells:
        assert cell.start_loss is not None and cell.best_loss is not None
        assert cell.start_loss > cell.best_loss + 0.2 and cell.lowest == pytest.approx(4.0, abs=0.05)


def test_diverged_trials_are_counted(played: list[Decision]) -> None:
    field = field_of(tune_spec(), FACTS)
    own = field.cells[0].key
    trials = trained(played[:1])
    hot = [replace(t, loss=None) if (t.budget, t.run.model) == own and t.run.train.lr > 0.00125 else t for t in trials]
    count = sum(trial.loss is None for trial in hot)
    cell = _cell(field, Surface(np.zeros((2, 3)), np.zeros((2, 3)), np.full(6, 4.0), 0.01), hot, 0)
    assert 0 < count < cell.trials and cell.diverged == count


def test_a_rule_that_nothing_is_known_of_has_a_wide_finite_factor() -> None:
    rule = _rule(np.array([math.log(1234.56), 0.12345, -0.5]), np.array([900.0, 0.4567, 0.1]))
    assert (rule.value, rule.params, rule.tokens, rule.params_half) == (1235, 0.1235, -0.5, 0.457)
    assert rule.factor == pytest.approx(math.exp(20), rel=0.01)


def test_a_batch_has_one_sequence_at_least_and_is_the_starts_where_it_is_not_searched() -> None:
    field = field_of(tune_spec(), FACTS)
    tiny = Surface(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(6), 0.01)
    assert _batch(field, tiny, field.cells[0]) == 128
    assert _batch(replace(field, names=("lr", "warmup")), tiny, field.cells[0]) == field.cells[0].start.batch * 128


def test_a_recipe_that_is_tuned_again_keeps_what_it_rests_on(found: Found) -> None:
    first = found.recipe_json(tune_spec(), "t-tune@1")
    again = replace(tune_spec(), recipe="mine", recipes={"mine": first}, recipe_overrides={"lr": 0.02})
    second = found.recipe_json(again, "t-tune@2")
    assert second["base"] == "cpu-small" and second["base_overrides"] == START | {"lr": 0.02}


def test_an_optimum_at_the_end_of_the_search_is_flagged(played: list[Decision]) -> None:
    rising = [replace(trial, loss=6 - 0.3 * abs(trial.run.train.lr / 1e-4) ** 0.2) for trial in trained(played)]
    edges = found_by(tune_spec(), FACTS, rising).edges
    assert any(edge.startswith("lr has its optimum at the upper end of the search in") for edge in edges)


@pytest.mark.parametrize(
    ("share", "edges"),
    [
        (0.04, "lr has its optimum at the lower end of the search in 1 of 1 cells"),
        (0.06, ""),
        (0.94, ""),
        (0.96, "lr has its optimum at the upper end of the search in 1 of 1 cells"),
    ],
)
def test_an_edge_is_a_twentieth_of_the_search_wide(share: float, edges: str) -> None:
    field = field_of(tune_spec(), FACTS)
    one = replace(field, cells=field.cells[:1])
    box = one.cells[0].box
    best = (1 - np.array([0.5, share])) * box.low + np.array([0.5, share]) * box.high
    rule = np.column_stack([best, np.zeros((2, 2))])
    assert "; ".join(_edges(one, Surface(rule, rule, np.zeros(1), 0.01))) == edges


def test_its_recipe_is_plain_data_that_a_sweep_can_use(found: Found) -> None:
    definition = json.loads(json.dumps(found.recipe_json(tune_spec(), "t-tune@1234")))
    assert definition["source"] == "tuned by sweep t-tune@1234" and definition["base_overrides"] == START
    recipe = get_recipe("mine", own={"mine": definition})
    assert recipe.params_range.low == found.params_range[0]
    plan = make_plan(spec_of(recipe="mine", recipes={"mine": definition}), FACTS)
    run = next(run for run in plan.runs if run.budget == 3e11)
    params = count_parameters(run.run.model).nonembedding / found.reference[0]
    wanted = found.rules[0].at(params, run.tokens / found.reference[1])
    assert run.batch_tokens == 128 * round(wanted / 128) and run.recipe == "mine"
    assert any("where recipe mine is proven (tuned by sweep t-tune@1234)" in warning for warning in plan.warnings)

"""The rounds of a tuning: what decides them, what tests the rules, and when it ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sweeps.plan.adaptive import Decision
from sweeps.plan.records import PlanError
from sweeps.plan.rounds import Round, Stop
from sweeps.tune.cells import LEFT_OUT, field_of
from sweeps.tune.rounds import (
    Array,
    _decided,
    _test_runs,
    _usual_rule,
    first_trials,
    next_trials,
    sizes_of_rounds,
    usual_spend,
)
from sweeps.tune.surface import Surface
from tests.unit.sweeps.plans import FACTS
from tests.unit.sweeps.tune.tuning import START, play, trained, trial, tune_spec


def test_it_begins_with_the_start_at_each_cell_and_settings_spread_about_it(played: list[Decision]) -> None:
    field, first = field_of(tune_spec(), FACTS), played[0]
    starts = [run.run.train for run in first.planned[:6]]
    assert starts == [cell.start for cell in field.cells]
    assert {(run.budget, run.run.model) for run in first.planned} == {cell.key for cell in field.cells}
    assert {run.role for run in first.planned} == {"check"}
    assert len({run.run.train.lr for run in first.planned}) > 10
    note = "the start, and settings spread evenly about it"
    assert first.round == Round(tuple(run.run_id for run in first.planned), 0.0, note=note)


def test_it_spends_no_more_than_it_may_and_trains_nothing_twice(played: list[Decision]) -> None:
    runs = [run for decision in played for run in decision.planned]
    assert len({run.run_id for run in runs}) == len(runs)
    assert sum(run.flops for run in runs) <= 1.5e13 * 1.01
    assert played[-1].round.stop is Stop.TUNED and played[-1].planned == ()
    assert [len(decision.round.runs) > 0 for decision in played] == [True] * 4 + [False]


def test_the_search_closes_in_on_the_best_settings(played: list[Decision]) -> None:
    losses = [[each.loss or 9.0 for each in trained([decision])] for decision in played[:3]]
    means = [sum(each) / len(each) for each in losses]
    assert means[1] < means[0] - 0.1 and means[2] < means[0] - 0.1


def test_the_rules_are_tested_at_a_cell_that_no_trial_has_seen(played: list[Decision]) -> None:
    test = played[-2].planned
    seen = {(run.budget, run.run.model) for decision in played[:-2] for run in decision.planned}
    assert {(run.budget, run.run.model) for run in test} == {field_of(tune_spec(), FACTS).left_out.key}
    assert not seen & {(run.budget, run.run.model) for run in test}
    parts = [run.checks[0] for run in test]
    assert {part.place for part in parts} == {LEFT_OUT}
    assert [(part.batch_factor, part.lr_factor) for part in parts] == [(1, 1), (0.5, 1), (2, 1), (1, 0.5), (1, 2)]
    rule = test[0].run.train
    assert test[2].run.train.batch == 2 * rule.batch and test[4].run.train.lr == pytest.approx(2 * rule.lr)


def test_equal_losses_give_equal_rounds_in_a_process_that_begins_there(played: list[Decision]) -> None:
    again = next_trials(tune_spec(), FACTS, trained(played[:2]), 2)
    assert again == played[2]
    other = [replace(each, loss=(each.loss or 0.0) + 0.1 * (n % 5)) for n, each in enumerate(trained(played[:2]))]
    assert next_trials(tune_spec(), FACTS, other, 2) != played[2], "losses decide"
    assert first_trials(tune_spec(seed=1), FACTS).planned[6:] != played[0].planned[6:]


def test_a_search_without_rates_or_batch_tests_what_it_searched() -> None:
    decisions = play(tune_spec(search=("lr",), rounds=1, spend=1.03e13))
    assert [run.checks[0].batch_factor for run in decisions[-2].planned] == [1, 1, 1]
    assert len(decisions) == 4, "what the first round leaves over is one more round"


@pytest.mark.parametrize(
    ("start", "batch", "factors"),
    [
        (8192.0, 1e12, [(1, 1), (0.5, 1), (1, 0.5), (1, 2)]),
        (1024.0, 1.0, [(1, 1), (2, 1), (1, 0.5), (1, 2)]),
    ],
)
def test_a_neighbour_that_cannot_be_trained_or_is_the_rule_is_left_out(
    start: float, batch: float, factors: list[tuple[float, float]]
) -> None:
    field = field_of(replace(tune_spec(), recipe_overrides=START | {"batch_tokens": start}), FACTS)
    rule = np.column_stack([np.log([batch, 0.01]), np.zeros((2, 2))])
    runs = _test_runs(field, Surface(rule, rule, np.zeros(6), 0.01), FACTS)
    assert [(run.checks[0].batch_factor, run.checks[0].lr_factor) for run in runs] == factors


def test_what_was_trained_is_not_planned_again(played: list[Decision]) -> None:
    old, new = played[0].planned[:2]
    decided = _decided([old, new, new], [trial(old, 4.0)], 1e12, "why")
    assert decided.planned == (new,) and decided.round == Round((new.run_id,), 1e12, note="why")


def test_each_round_is_asked_with_a_seed_of_its_own(played: list[Decision], monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []

    def asked(seen: Array, regrets: list[float], spans: Array, count: int, seed: int) -> Array:
        seeds.append(seed)
        return np.zeros((count, len(spans)))

    monkeypatch.setattr("sweeps.tune.rounds.promising_points", asked)
    for number in (1, 2):
        next_trials(tune_spec(), FACTS, trained(played[:number]), number)
    assert seeds == [1, 2]


def test_diverged_trials_count_as_bad_and_all_of_them_end_it(played: list[Decision]) -> None:
    runs = played[0].planned
    hot = [trial(run, None if run.run.train.lr > 0.005 else 5.0) for run in runs]
    asked = next_trials(tune_spec(), FACTS, hot, 1)
    assert sum(run.run.train.lr > 0.005 for run in asked.planned) < len(asked.planned) / 2
    ended = next_trials(tune_spec(), FACTS, [trial(run) for run in runs], 1)
    assert ended.round.stop is Stop.DIVERGED


def test_a_spend_that_is_too_small_names_the_least() -> None:
    with pytest.raises(
        PlanError, match=r"1e11 FLOPs is too little: 6 trials .* 6 cells and 5 that test .* need 1.22e13"
    ):
        first_trials(tune_spec(spend=1e11), FACTS)
    field = field_of(tune_spec(), FACTS)
    assert sum(sizes_of_rounds(tune_spec(spend=usual_spend(field)), field)) == 12


def test_a_spend_is_reached_as_a_budget_is_and_the_first_round_has_three_trials_of_each_cell() -> None:
    field = field_of(tune_spec(), FACTS)
    usual = usual_spend(field)
    least = usual - 6 * sum(cell.flops for cell in field.cells)
    assert sum(sizes_of_rounds(tune_spec(spend=usual * 0.995), field)) == 12
    assert sizes_of_rounds(tune_spec(spend=least), field) == [3, 2, 1]
    with pytest.raises(PlanError, match="is too little"):
        sizes_of_rounds(tune_spec(spend=least * 0.98), field)


def test_usual_exponents_stand_for_those_of_the_start_where_there_are_any() -> None:
    spec = replace(tune_spec(search=("batch", "lr", "weight_decay")), recipe_overrides={})
    field = field_of(spec, FACTS)
    batch, rate, decay = _usual_rule(field)
    assert (batch[1:].tolist(), rate[1:].tolist()) == ([0.0, 0.5], [-0.4, 0.0])
    assert decay == pytest.approx([np.log(field.cells[0].start.weight_decay), 0.0, 0.0])
    middle = np.mean([cell.box.start[1] for cell in field.cells])
    assert rate[0] == pytest.approx(middle + 0.4 * field.at[:, 1].mean())


def test_trials_are_asked_about_the_best_by_how_much_each_lost(
    played: list[Decision], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Array, list[float]]] = []

    def asked(seen: Array, regrets: list[float], spans: Array, count: int, seed: int) -> Array:
        given.append((seen, regrets))
        return np.zeros((count, len(spans)))

    monkeypatch.setattr("sweeps.tune.rounds.promising_points", asked)
    trials = trained(played[:1])
    next_trials(tune_spec(), FACTS, [replace(trials[0], loss=None), *trials[1:]], 1)
    ((seen, regrets),) = given
    assert regrets[0] == 3.0 and 0 < max(regrets[1:]) < 3 and min(regrets) < 0.3
    squares = (seen[1:] ** 2).sum(axis=1)
    assert np.corrcoef(squares, regrets[1:])[0, 1] > 0.9, "0 is the best"

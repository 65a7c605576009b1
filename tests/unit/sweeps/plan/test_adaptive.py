"""The rounds of an adaptive sweep: what decides them, when they end, and what is said where they cannot help."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from sweeps.plan.adaptive import Decision, first_round, next_round
from sweeps.plan.plan import plan_of_runs
from sweeps.plan.records import PlanError
from sweeps.plan.rounds import Stop
from tests.unit.sweeps.plan.adaptive_sweep import SPEND, adaptive_spec, ahead, law_of, loss_of, play, trained
from tests.unit.sweeps.plans import FACTS, facts


@pytest.fixture(scope="module")
def played() -> list[Decision]:
    """A sweep that may spend all it has."""
    return play(adaptive_spec())


def test_the_first_design_is_three_whole_curves_and_repeats(played: list[Decision]) -> None:
    first = played[0]
    curves = {run.budget for run in first.planned}
    assert curves == {1e11, 3e11, 1e12}
    assert len({(run.budget, run.size_id) for run in first.planned}) == 15
    assert {run.seed for run in first.planned} > {0}, "repeats show the noise from the start"
    assert first.round.runs == tuple(run.run_id for run in first.planned)
    spent = [point.spent for point in first.round.course]
    assert spent == sorted(spent) and spent[-1] <= SPEND
    assert first.round.course[-1].precision.loss_half < first.round.course[0].precision.loss_half


def test_rounds_narrow_the_answer_within_spend_and_rounds(played: list[Decision]) -> None:
    known = [decision.round.known for decision in played[1:]]
    assert known[0] and known[-1] and known[-1].loss_half < known[0].loss_half / 2
    assert played[-1].round.spent <= SPEND
    assert len(played) - 1 <= 4
    assert played[-1].round.stop in (Stop.SPENT, Stop.EXHAUSTED, Stop.ROUNDS) and played[-1].planned == ()
    ids = [run.run_id for decision in played for run in decision.planned]
    assert len(ids) == len(set(ids)), "no run is trained twice"


def test_runs_ahead_begin_the_round_that_follows_and_stay_within_the_spend(played: list[Decision]) -> None:
    before, after = next((a.round, b.round) for a, b in pairwise(played) if a.round.ahead)
    planned = {run.run_id: run for decision in played for run in decision.planned}
    assert after.runs[: len(before.ahead)] == before.ahead and not set(before.ahead) & set(before.runs)
    ids = [run_id for decision in played for run_id in decision.round.runs]
    assert sorted(ids) == sorted(planned), "each belongs to one round"
    assert sum(run.flops for run in planned.values()) <= SPEND
    at = [decision.round for decision in played].index(before)
    own = sum(planned[run_id].flops for decision in played[: at + 1] for run_id in decision.round.runs)
    assert after.spent == pytest.approx(own), "what went ahead is not spent before its round"


def test_a_round_that_has_begun_is_trained_even_where_the_sweep_could_end(played: list[Decision]) -> None:
    runs = list(played[0].planned)
    law, had = law_of(adaptive_spec(), runs)
    losses = [trained(run, loss_of(run)) for run in runs]
    begun = [ahead(run) for run in played[1].planned[:2]]
    ids = tuple(run.run_id for run in begun)
    for spec, law_there in (
        (adaptive_spec(params=3.0, loss=1.0), law),
        (adaptive_spec(spend=sum(run.flops for run in (*runs, *begun))), law),
        (adaptive_spec(spend=sum(run.flops for run in (*runs, *begun))), replace(law, valley=None)),
    ):
        decided = next_round(spec, FACTS, law_there, had, losses, 1, begun)
        assert decided.round.stop is None and decided.round.runs == ids and decided.planned == ()


def test_equal_losses_give_equal_rounds(played: list[Decision]) -> None:
    runs = list(played[0].planned)
    law, had = law_of(adaptive_spec(), runs)
    shuffled = [trained(run, loss_of(run)) for run in reversed(runs)]
    again = next_round(adaptive_spec(), FACTS, law, had, shuffled, 1)
    assert again.round == played[1].round


def test_a_sweep_ends_once_its_answer_is_close_enough(played: list[Decision]) -> None:
    runs = list(played[0].planned)
    law, had = law_of(adaptive_spec(), runs)
    losses = [trained(run, loss_of(run)) for run in runs]
    reached = next_round(adaptive_spec(params=3.0, loss=1.0), FACTS, law, had, losses, 1)
    assert reached.round.stop is Stop.REACHED and reached.round.known is not None
    assert next_round(adaptive_spec(params=3.0, loss=1e-9), FACTS, law, had, losses, 1).round.stop is None
    spent = sum(run.flops for run in runs)
    assert next_round(adaptive_spec(spend=spent + 1), FACTS, law, had, losses, 1).round.stop is Stop.SPENT
    assert next_round(adaptive_spec(rounds=2), FACTS, law, had, losses, 2).round.stop is Stop.ROUNDS


def test_cells_whose_runs_diverged_are_not_tried_again(played: list[Decision]) -> None:
    first = played[0].planned
    second = [run for run in played[1].planned if run.run_id in played[1].round.runs]
    law, had = law_of(adaptive_spec(), list(first))
    gone = {(run.budget, run.size_id) for run in second}
    losses = [trained(run, loss_of(run)) for run in first] + [trained(run) for run in second]
    after = next_round(adaptive_spec(), FACTS, law, had, losses, 2)
    assert after.planned and not {(run.budget, run.size_id) for run in after.planned} & gone


def test_without_a_law_the_curves_are_completed_first(played: list[Decision]) -> None:
    first = played[0].planned
    law, had = law_of(adaptive_spec(), list(first))
    losses = [trained(run, loss_of(run)) for run in first]
    after = next_round(adaptive_spec(), FACTS, replace(law, valley=None), had, losses, 1)
    assert {run.budget for run in after.planned} == {1e11, 3e11, 1e12}
    assert not {run.run_id for run in after.planned} & {run.run_id for run in first}
    nothing = adaptive_spec(spend=sum(run.flops for run in first) + 1)
    assert next_round(nothing, FACTS, replace(law, valley=None), had, losses, 1).round.stop is Stop.NO_LAW


@pytest.mark.parametrize(
    ("changes", "corpus", "said"),
    [
        (
            {"spend": 1e9},
            20_000_000,
            "adaptive: a spend of 1e9 FLOPs does not pay for the first law and a run after it",
        ),
        ({"spend": 3e12}, 20_000_000, r"3 curves of 5 sizes cost 7e12 FLOPs, so the least is 7.11e12"),
        ({}, 30_000, "no cell of its budgets can be trained: .* epochs of 30,000 unique tokens, .* epochs_max=5"),
        (
            {},
            1_200_000,
            "no law: .* of 1,200,000 unique tokens, above epochs_max = 1; epochs_max=1.45 .* gives 3 budgets",
        ),
    ],
)
def test_what_cannot_begin_is_refused_with_the_nearest_that_can(
    changes: dict[str, float], corpus: int, said: str
) -> None:
    with pytest.raises(PlanError, match=said):
        first_round(adaptive_spec(**changes), facts(corpus))


def test_a_precision_out_of_reach_and_a_corpus_that_ends_are_said_beforehand() -> None:
    first = first_round(adaptive_spec(loss=1e-4, ask=1e15, spend=1e13), facts(2_500_000)).round
    assert "not expected within 1e13 FLOPs: the nearest is N* to ×" in first.note
    assert "; ask for loss=0." in first.note and "or spend more; the corpus ends first: " in first.note
    said = float(re.findall(r"ask for loss=([\d.]+),", first.note)[0])
    nearest = first_round(adaptive_spec(loss=said, ask=1e15, spend=1e13), facts(2_500_000)).round
    assert nearest.note == "", "what is reached is asked for without a warning"


def test_the_spend_pays_for_the_check_of_the_recipe_too(played: list[Decision]) -> None:
    spend = 5e13
    spec = replace(adaptive_spec(spend=spend), recipe_check=True)
    first = first_round(spec, FACTS)
    plan = plan_of_runs(spec, first.planned, FACTS)
    cost = sum(run.flops for run in plan.checks)
    assert {run.budget for run in plan.checks} == {1e11, 1e12} and plan.runs[0].checks, "the rule's own runs are a part"
    assert first.round.runs[:15] == played[0].round.runs[:15]
    assert cost < first.round.course[0].spent and first.round.course[-1].spent <= spend
    law, had = law_of(spec, list(first.planned))
    losses = [trained(run, loss_of(run)) for run in first.planned]
    after = next_round(spec, FACTS, law, had, losses, 1, checks=spend).round
    assert after.stop is Stop.SPENT and after.spent > spend
    with pytest.raises(PlanError, match=r"69 runs of recipe_check, 4.02e13 FLOPs: the least for all is 4.74e13; or"):
        first_round(replace(spec, adaptive=replace(spec.adaptive, spend=4.7e13)), FACTS)

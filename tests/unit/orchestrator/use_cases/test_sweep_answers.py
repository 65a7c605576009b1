"""The laws of a sweep: variants, shared runs, the recipe's own counts, and comparisons; losses are simulated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.answers.ask import Question
from analysis.answers.compare import compare
from analysis.records import LawError, QuestionError
from orchestrator.states import RunState
from orchestrator.store import RunRecord, SweepRecord
from orchestrator.use_cases.submission import new_run
from orchestrator.use_cases.sweep_answers import SweepAnswers, earlier_noise
from sweeps.file.serialise import to_yaml
from sweeps.file.spec import CentreSpec, SeedsSpec, SizesSpec, SweepSpec
from sweeps.plan.expected_width import USUAL_NOISE
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, PlannedRun
from tests.unit.analysis.law_tables import small

FACTS = DataFacts(dataset="d" * 64, vocab=1024, train_tokens=100_000_000, validation_tokens=200_000)


def _loss(run: PlannedRun, generator: np.random.Generator) -> float:
    """A context of 64 is worth half the parameters and half the tokens: a quarter of the compute."""
    worth = 0.5 if run.run.model.context == 64 else 1.0
    exact = small(np.array([worth * run.params]), np.array([worth * run.tokens]))
    return float(exact[0] + generator.normal(0, 0.002))


def sweep_laws(name: str = "s", *, bytes_per_token: float = 3.0, **changes: Any) -> SweepAnswers:
    base: dict[str, Any] = {
        "name": name,
        "budgets": (1e11, 3e11, 1e12),
        "centre": CentreSpec(params_at={"3e11": 5e4}),
        "sizes": SizesSpec(span=3.0),
    }
    spec = SweepSpec(**(base | changes))
    plan = make_plan(spec, FACTS)
    sweep = SweepRecord(1, name, "abcd", to_yaml(spec), FACTS.dataset, FACTS.train_tokens, (), [], 0.0)
    generator = np.random.default_rng(0)
    runs = []
    for planned in plan.runs:
        new, loss = new_run(planned), _loss(planned, generator)
        bits = loss / np.log(2) / bytes_per_token
        record = RunRecord(
            id=new.id,
            config=new.config,
            flops=new.flops,
            predicted_seconds=None,
            state=RunState.DONE,
            fence=0,
            loss=loss,
            bits_per_byte=bits,
            seconds=1.0,
            result={},
            error=None,
            device="cpu",
            role="grid",
            cell=new.cell,
        )
        runs.append(record)
    return SweepAnswers(sweep, runs, Path("/nonexistent"))


@pytest.fixture(scope="module")
def varied() -> SweepAnswers:
    return sweep_laws(vary={"context": [128, 64]})


def test_each_variant_has_the_cost_of_its_own_recipe(varied: SweepAnswers) -> None:
    assert [variant.label for variant in varied.variants] == ["context=128", "context=64"]
    costs = [varied.fit(variant).cost.flops_per_token(5e4) for variant in varied.variants]
    assert costs[0] > 1.01 * costs[1], "attention over half the context costs less"


def test_an_answer_comes_with_shapes_that_can_be_built(varied: SweepAnswers) -> None:
    reply = varied.reply("context=64", Question(flops=3e12, times_too_small=3))
    assert reply.answer is not None and reply.counts is not None
    for answer in (reply.prediction, reply.answer):
        shape = answer.shape
        assert shape is not None
        assert shape.params == pytest.approx(answer.params, rel=0.2)
        assert shape.flops == pytest.approx(answer.flops, rel=0.01)
        assert shape.tokens == pytest.approx(answer.tokens, rel=0.2)
        counted = reply.counts.at(shape.params)
        assert counted["params_total"] == pytest.approx(shape.params_total, rel=1e-3)
        assert counted["params_nonembedding"] == pytest.approx(shape.params_nonembedding, rel=1e-3)


def test_values_of_an_axis_are_compared_with_the_first_or_the_one_named(varied: SweepAnswers) -> None:
    (worse,) = varied.compare_values("context")
    assert (worse.baseline, worse.other, worse.unit) == ("context=128", "context=64", "nats/token")
    assert worse.at_largest.multiplier == pytest.approx(0.25, rel=0.1)
    (better,) = varied.compare_values("context", "64")
    assert better.at_largest.multiplier == pytest.approx(4, rel=0.1)
    for axis, value, words in (("lr", "", "varies context"), ("context", "32", "over 128, 64")):
        with pytest.raises(QuestionError, match=words):
            varied.compare_values(axis, value)
    with pytest.raises(QuestionError, match="varies nothing"):
        sweep_laws().compare_values("lr")


def test_a_variant_must_be_named_where_there_are_several(varied: SweepAnswers) -> None:
    with pytest.raises(LawError, match="context=128, context=64; choose one with --variant"):
        varied.variant("")
    with pytest.raises(LawError, match="leave the variant out"):
        sweep_laws().variant("context=64")


def test_a_run_that_is_the_same_in_two_variants_counts_in_both() -> None:
    """Below the recipe's ceiling of the learning rate, both values give the same runs."""
    laws = sweep_laws(vary={"lr": [0.5, 0.6]})
    first, second = laws.variants
    assert len(first.table) == len(second.table) == 21
    assert first.table == second.table
    (same,) = laws.compare_values("lr")
    assert same.at_largest.multiplier == pytest.approx(1)


def test_sweeps_of_two_tokenizers_are_compared_in_bits_per_byte() -> None:
    first, second = sweep_laws("a").side(), sweep_laws("b", bytes_per_token=3.3).side()
    made = compare(first, second)
    assert (made.baseline, made.other, made.unit) == ("a", "b", "bits/byte")
    assert made.at_largest.multiplier > 1.2, "as good a token that holds more bytes"
    assert compare(first, sweep_laws("b").side()).unit == "nats/token"


def test_an_earlier_revision_has_measured_the_noise_to_expect() -> None:
    few, many = (sweep_laws(seeds=SeedsSpec(largest_budget=count)) for count in (2, 8))
    assert earlier_noise([few]) == USUAL_NOISE, "one degree of freedom says next to nothing"
    noise = earlier_noise([few, many])
    assert noise.sigma == pytest.approx(0.002, rel=0.6) and noise.sigma != USUAL_NOISE.sigma
    assert noise.source == "7 degrees of freedom of s@abcd"
    assert earlier_noise([]) == USUAL_NOISE

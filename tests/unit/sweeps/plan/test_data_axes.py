"""Plans over several datasets: each combination has its own vocabulary, tokens and dataset, and equal runs are one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sweeps.file.compose import load_sweep
from sweeps.plan.combination import Combination
from sweeps.plan.grid import data_combinations
from sweeps.plan.hours import tokens_needed, unlimited_data
from sweeps.plan.plan import make_plan, plan_single
from sweeps.plan.records import DataFacts, PlanError

SPEC = load_sweep(
    "extends: demo\nname: x\nlimits: {flops: null, hours: null}\n"
    "vary: {qk_norm: [true, false], tokenizer.vocab: [300, 2000]}\n"
)
SMALL, LARGE = (
    DataFacts(name, vocab, tokens, 200_000) for name, vocab, tokens in (("a", 300, 9**9), ("b", 2000, 9**8))
)
FACTS = replace(
    SMALL,
    varied=tuple((Combination((("tokenizer.vocab", facts.vocab),)), facts) for facts in (SMALL, LARGE)),
)


def test_each_combination_is_planned_on_its_own_data() -> None:
    assert data_combinations(SPEC) == tuple(vary for vary, _ in FACTS.varied)
    runs = make_plan(SPEC, FACTS).runs
    assert len({run.vary for run in runs}) == 4
    for run in runs:
        vocab = run.vary.to_dict()["tokenizer.vocab"]
        facts = {300: SMALL, 2000: LARGE}[vocab]
        assert (run.run.model.vocab, run.run.dataset) == (vocab, facts.dataset)
        assert run.epochs == pytest.approx(run.tokens / facts.train_tokens)


def test_combinations_with_one_dataset_share_their_runs() -> None:
    """The byte tokenizer has the same entries whatever tokenizer.vocab says."""
    same = tuple((vary, SMALL) for vary, _ in FACTS.varied)
    plan = make_plan(SPEC, replace(SMALL, varied=same))
    assert all(len(run.combinations) == 2 for run in plan.runs)
    assert len(plan.by_combination) == 4


def test_a_single_run_is_planned_on_the_data_of_its_combination() -> None:
    vary = Combination((("qk_norm", True), ("tokenizer.vocab", 2000)))
    run = plan_single(SPEC, FACTS, 3e11, 5e4, vary=vary).run
    assert (run.model.vocab, run.dataset) == (2000, "b")


def test_without_data_the_vocabularies_are_those_of_the_tokenizers() -> None:
    assert [facts.vocab for facts in unlimited_data(SPEC).each] == [300, 2000]
    assert [facts.vocab for facts in unlimited_data(SPEC, FACTS).each] == [300, 2000]
    assert tokens_needed(SPEC) > 0


def test_a_dataset_that_is_too_small_is_named() -> None:
    tiny = replace(LARGE, validation_tokens=12)
    with pytest.raises(PlanError, match="validation split has 12 tokens"):
        make_plan(SPEC, replace(FACTS, varied=(FACTS.varied[0], (FACTS.varied[1][0], tiny))))

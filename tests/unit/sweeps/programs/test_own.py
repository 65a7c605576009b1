"""The sweep file of an answer: read again, its plan is the one run."""

from __future__ import annotations

from typing import Any

import pytest

from sweeps.file.compose import load_sweep
from sweeps.plan.plan import make_plan
from sweeps.programs.own import LONGEST, alone, sweep_file
from tests.unit.sweeps.plans import FACTS
from tests.unit.sweeps.programs.optima import optimum
from tokenizer.corpus import CorpusSpec


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"share_trunks": True, "numerics": "bf16", "recipe_check": True, "model": {"tied_head": True}},
        {"vary": {"lr": 0.003, "qk_norm": False, "context": 64}, "recipe_overrides": {"lr": 0.5, "cooldown": 0.4}},
        {"vary": {"recipe": "porian-olmo"}, "recipe_overrides": {"min_steps": 1}},
    ],
)
def test_the_plan_of_the_file_is_the_recommended_run(changes: dict[str, Any]) -> None:
    found = optimum(**changes)
    spec = load_sweep(sweep_file(found))
    (run,) = make_plan(spec, FACTS).runs
    assert run.run == found.planned.run and spec.vary == {} and not spec.recipe_check


def test_values_of_the_data_go_into_corpus_and_tokenizer() -> None:
    corpus = CorpusSpec(source="text", paths=("a.txt",))
    spec = alone(optimum({"tokenizer.vocab": 512, "corpus.paths": "b.txt"}, corpus=corpus))
    assert (spec.tokenizer.vocab, spec.corpus.paths) == (512, ("b.txt",))


def test_epochs_and_a_long_name_fit() -> None:
    found = optimum(name="a" * LONGEST)
    spec = alone(found)
    assert len(spec.name) == LONGEST and spec.name.endswith("a-optimum")
    assert spec.epochs_max == 1.0 and found.planned.epochs < 1
    assert alone(optimum(model={"tied_head": True}, epochs_max=9.0)).epochs_max >= 1.0


def test_comments_and_limits() -> None:
    text = sweep_file(optimum())
    assert text.startswith("# L2 ") and "not carried over: the sweep's limits" in text

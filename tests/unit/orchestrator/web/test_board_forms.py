"""The forms of boards: numbers in any notation, and what is wrong with each beside its field."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model.config import RunConfig, TrainConfig
from orchestrator.api.forms import LONGEST
from orchestrator.use_cases.board_choices import Choices, RunChoice
from orchestrator.use_cases.board_entries import MOST_RUNS
from orchestrator.web.board_forms import TypedEntry, entry_forms
from tests.unit.orchestrator.use_cases.board_homes import SMALL

GOOD = {"params": "69.6 k", "tokens": "1.2×10⁵", "loss": "3.1", "low": "3", "high": "3.2"}
CHOICES = Choices(runs=(RunChoice(("a", "b"), "lab", 69_600, 8e9, 3.21),), sweeps=("lab", "ann"))


def test_a_forecast_is_typed_in_any_notation() -> None:
    typed = TypedEntry(GOOD)
    assert typed.part == "forecast" and typed.problems() == {}
    assert typed.numbers() == {"params": 69_600.0, "tokens": 1.2e5, "loss": 3.1, "low": 3.0, "high": 3.2}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"params": "many"}, "params", "'many' is not a number: type a number of parameters, such as 1.8e4"),
        ({"tokens": ""}, "tokens", "type a number of tokens, such as 120 k"),
        ({"tokens": "0"}, "tokens", "type a number of tokens above 0, such as 120 k"),
        ({"loss": "-3"}, "loss", "type a loss in nats per token above 0, such as 3.1"),
        ({"high": "3.05"}, "low", "must hold the loss"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(changes: dict[str, str], field: str, words: str) -> None:
    typed = TypedEntry(GOOD | changes)
    assert list(typed.problems()) == [field]
    forms = entry_forms(CHOICES, typed)
    (wrong,) = (each for each in forms.forecast if each.problem)
    assert wrong.name == field and words in wrong.problem
    assert [each.value for each in forms.forecast] == list((GOOD | changes).values())


def test_runs_and_sweeps_are_chosen_from_lists() -> None:
    forms = entry_forms(CHOICES, TypedEntry({"runs": "a b"}), "no")
    assert (forms.part, forms.problem) == ("runs", "no")
    assert [(each.value, each.chosen) for each in forms.runs] == [("a b", True)]
    assert forms.runs[0].text == "lab: N 69.6 k, 8×10⁹ FLOPs, 2 seeds, loss 3.210"
    assert [each.text for each in entry_forms(CHOICES).sweeps] == ["lab", "ann"]
    assert entry_forms(Choices("closed")).refusal == "closed" and entry_forms(CHOICES).part == ""
    twice = replace(CHOICES, runs=(*CHOICES.runs, RunChoice(("c",), "lab", 69_600, 8e9, 3.3)))
    assert [each.chosen for each in entry_forms(twice, TypedEntry({"runs": "c"})).runs] == [False, True]
    chosen = entry_forms(CHOICES, TypedEntry({"sweep": "ann"}))
    assert (chosen.part, [each.chosen for each in chosen.sweeps]) == ("sweep", [False, True])


def test_the_ids_of_as_many_runs_as_an_entry_may_have_fit_into_a_field() -> None:
    run = RunConfig(SMALL, TrainConfig(sequences=8, batch=4, lr=0.01), "data").run_id
    assert len(" ".join([run] * MOST_RUNS)) < LONGEST

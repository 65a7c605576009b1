"""The forms of boards: numbers in any notation, and what is wrong with each beside its field."""

from __future__ import annotations

import pytest

from orchestrator.use_cases.board_choices import Choices, RunChoice
from orchestrator.web.board_forms import TypedEntry, entry_forms

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
    assert entry_forms(Choices("closed")).refusal == "closed"

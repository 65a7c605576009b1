"""A combination of varied values: its label, and the dataset of its runs."""

from __future__ import annotations

from orchestrator.use_cases.variant import variant_label
from tests.unit.orchestrator.use_cases.simulated import simulated_answers


def test_a_combination_is_written_in_alphabetical_order() -> None:
    assert variant_label({"lr": 0.01, "context": 64}) == "context=64,lr=0.01"
    assert variant_label({}) == ""


def test_a_variant_has_the_label_of_its_values_and_the_dataset_of_its_runs() -> None:
    first, second = simulated_answers(vary={"context": [64, 128]}).variants
    assert (first.label, second.label) == ("context=64", "context=128")
    assert first.dataset == first.runs[0].config["dataset"] != ""

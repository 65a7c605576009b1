"""The words of what a constraint adds to an answer."""

from __future__ import annotations

import pytest

from analysis.answers.details import details_of, title_of
from analysis.answers.questions import Answer
from analysis.records import Interval

ONE = Interval(1.0, 1.0)


@pytest.mark.parametrize(
    ("question", "details", "title", "words"),
    [
        (
            "optimum_with_limited_data",
            {"epochs": 1.0, "unique_tokens": 1e9, "loss_without_limit": 2.5},
            "Best with limited data",
            "1 epoch of 1 B unique tokens; without the limit the loss is 2.500",
        ),
        (
            "cheapest_with_inference",
            {"total_flops": 2e21, "inference_tokens": 1e12, "saving": 0.25, "total_flops_of_compute_optimal": 3e21},
            "Cheapest with the inference that follows",
            "2×10²¹ FLOPs with 1 T tokens of inference, 25% less than the compute-optimal model",
        ),
        (
            "tokens_for_loss",
            {"times_the_compute": 1.5, "compute_of_optimum": 1e21},
            "Tokens that the given size needs for this loss",
            "×1.5 the compute of the optimum for this loss",
        ),
    ],
)
def test_each_question_has_a_title_and_its_figures(
    question: str, details: dict[str, float], title: str, words: str
) -> None:
    answer = Answer(question, 1.0, 1.0, 1.0, 1.0, ONE, ONE, ONE, None, 1.0, "", details)
    assert title_of(answer) == title
    assert words in details_of(answer)[0]

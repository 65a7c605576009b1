"""The full text: estimators, refusals, the recipe check, and the answers to questions."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from analysis.answers.ask import Question, ask
from analysis.answers.counts import Counts
from analysis.devices import hardware
from analysis.evidence import CheckedCell
from analysis.table.excluded import ExcludedRow
from orchestrator.cli.answer_text import (
    EXCLUDED_ROWS,
    describe,
    describe_answer,
    describe_prediction,
    describe_published,
    reply_lines,
)
from tests.unit.orchestrator.cli.laws import checked, no_law, short_law, small_law

COUNTS = Counts.from_nodes([1e3, 1e9], [2e3, 2e9], [5e2, 5e8])


def test_a_law_in_full_has_every_estimator_at_every_budget() -> None:
    lines = describe(small_law())
    assert lines[0] == "Optimum of each budget"
    for budget in ("10¹¹", "3×10¹¹", "10¹²"):
        for estimator in ("parabola", "cubic", "akima"):
            (line,) = [x for x in lines if x.startswith(f"  {budget}: {estimator} N* ")]
            assert ", D* " in line and re.search(r", loss [34]\.\d{3}$", line)
    assert any(line.startswith("  N* ∝ C^") and line.endswith("[headline]") for line in lines)
    assert any(line.startswith("  D* ∝ C^") and line.endswith("[joint skew]") for line in lines)
    assert not any("L*" in line or "loss ∝" in line for line in lines)
    assert any(line.startswith("  refused (one loss a run): envelope") for line in lines)
    assert "Noise" in lines and "  No cell was repeated, so the noise between seeds alone is not known." in lines


def test_a_refusal_is_said_once_and_in_words() -> None:
    text = "\n".join(describe(short_law(1)))
    assert text.count("  1.6×10¹²: parabola, cubic and akima refused: 4 sizes at 1.6×10¹² FLOPs") == 1
    assert "note: At 1.6×10¹²" not in text
    for code in ("too_few", "joint_skew"):
        assert code not in text


def test_a_law_that_could_not_be_fitted_has_refusals_and_no_power_law() -> None:
    lines = describe(no_law())
    assert "Scaling with compute" not in lines
    assert any(line.startswith("  refused (too few budgets): ") for line in lines)


def test_the_recipe_check_and_rows_left_out() -> None:
    waiting = CheckedCell(1e11, 5e4, "centre", "open", None, None, None, None, None, 0.02, 3, 5)
    rows = tuple(ExcludedRow(f"r{n}", None, None, None, "no loss") for n in range(EXCLUDED_ROWS + 2))
    law = replace(small_law(), recipe_check=(checked("fails"), waiting), excluded=rows)
    lines = describe(law)
    at = lines.index("Recipe check: the rule's loss against the best found around it")
    assert lines[at + 1] == (
        "  fails  10¹¹, centre, N 50 k: 3.500 against 3.450 with batch ×2, learning rate ×0.5: "
        "0.050 of 0.020 allowed, 5 of 5 runs"
    )
    assert lines[at + 2] == "  open  10¹¹, centre, N 50 k: 3 of 5 runs"
    assert lines[-2:] == ["  left out: r7: no loss", "  and 2 more; all are in the JSON"]
    exact = describe(replace(small_law(), excluded=rows[:EXCLUDED_ROWS]))
    assert exact[-1] == "  left out: r7: no loss"


def test_a_prediction_in_full_has_each_estimator_and_both_intervals_of_the_loss() -> None:
    p = small_law().predict(1e13)
    lines = describe_prediction(p)
    assert lines[0] == "At 10¹³ FLOPs, ×10 the largest budget:"
    assert p.run_interval is not None
    one, mean = (f"{ends.low:.3f} to {ends.high:.3f}" for ends in (p.run_interval, p.loss_interval))
    assert f"loss {p.loss:.3f} (one run {one}; mean of many {mean}) nats/token" in lines[1]
    assert lines[2] == f"  confidence {p.confidence}"
    names = [line.split(":")[0].strip() for line in lines[3 : 3 + len(p.estimators)]]
    assert "joint skew" in names and "cubic" in names
    assert lines[3 + names.index("additive huber")].endswith("(Chinchilla's approach 3)")
    assert p.warnings[0] == "This is ×10 the largest budget."
    assert [line.strip() for line in lines[1 - len(p.warnings) :]] == list(p.warnings[1:]), "said once"


def test_a_reply_adds_hours_counts_and_the_compute_that_was_asked_for() -> None:
    law = small_law()
    question = Question(gpu_hours=1e-5, hardware=hardware("h100", utilisation=0.4))
    counts, hours = reply_lines(ask(law, question, COUNTS))
    assert counts.startswith("Counts  N ") and "without embedding and head" in counts
    assert hours.startswith("Hours   1e-05 GPU-hours of h100 at 40% of 989.4 TFLOP/s (")
    (needed,) = reply_lines(ask(law, Question(loss=law.predict(1e13).loss)))
    assert needed.startswith(("Compute needed: 10¹³ (", "Compute needed: 9.99×10¹² ("))
    assert needed.endswith(") FLOPs")
    assert reply_lines(ask(law, Question(flops=1e13))) == []


@pytest.mark.parametrize(
    ("question", "title", "words"),
    [
        (
            Question(flops=1e13, times_too_small=2),
            "The model of the given size",
            ["×2 too small", "of the compute is wasted"],
        ),
        (Question(flops=1e13, max_tokens=1e6), "Best with limited data", ["epochs of 1 M unique tokens"]),
        (Question(flops=1e13, inference_tokens=1e9), "Cheapest with the inference", ["1 B tokens of inference"]),
        (Question(loss=3.0, params=2e5), "Tokens that the given size needs", ["the compute of the optimum"]),
    ],
)
def test_answers_to_questions(question: Question, title: str, words: list[str]) -> None:
    reply = ask(small_law(), question, COUNTS)
    assert reply.answer is not None
    lines = describe_answer(reply.answer, COUNTS, hardware("a100"))
    assert lines[0].startswith(title) and lines[0].endswith("the largest budget:")
    text = "\n".join(lines)
    assert re.search(r"loss \d\.\d{3} \(one run \d\.\d{3} to \d\.\d{3}; mean of many \d\.\d{3} to \d\.\d{3}\)", text)
    for word in (*words, "  Counts  N ", "GPU-hours of a100"):
        assert word in text
    shown = reply_lines(reply)
    assert lines[0] in shown
    assert not {line.strip() for line in shown} & set(reply.prediction.warnings)


def test_a_model_of_the_best_size_is_neither_too_small_nor_too_large() -> None:
    law = small_law()
    best = ask(law, Question(flops=1e12, params=law.predict(1e12).params)).answer
    large = ask(law, Question(flops=1e12, params=3 * law.predict(1e12).params)).answer
    assert best is not None and large is not None
    assert "too" not in "\n".join(describe_answer(best)).replace("too many", "")
    assert "  ×3 too large" in describe_answer(large)


def test_published_laws_say_what_their_n_counts() -> None:
    lines = describe_published(1e24)
    assert lines[0].startswith("Published laws at 10²⁴ FLOPs")
    (chinchilla,) = [line for line in lines if line.startswith("  hoffmann2022: ")]
    assert "C = 6 N D" in chinchilla
    assert any("outside its budgets" in line for line in lines)


def test_a_clamped_share_of_the_compute_is_called_a_bound() -> None:
    answer = ask(small_law(), Question(flops=1e12, times_too_small=4)).answer
    assert answer is not None
    assert "less than a millionth" not in "\n".join(describe_answer(answer))
    clamped = replace(answer, details=answer.details | {"compute_for_same_loss": 1e6, "wasted_compute": 1 - 1e-6})
    assert "the optimum reaches it with less than a millionth of the compute" in "\n".join(describe_answer(clamped))

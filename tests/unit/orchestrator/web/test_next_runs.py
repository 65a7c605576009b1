"""What further runs would buy, in a table and in words."""

from __future__ import annotations

from dataclasses import replace

from analysis.answers.next_runs import NextRuns, Outlook, Width
from orchestrator.web.next_runs import next_table


def widths(*pairs: tuple[float | None, float | None]) -> tuple[Width, ...]:
    """Half-widths at ×3 and ×10 of a largest budget of 10¹⁹."""
    return tuple(Width(multiple * 1e19, multiple, *pair) for multiple, pair in zip((3.0, 10.0), pairs, strict=True))


NOW = widths((1.2, 0.004), (1.31, 0.021))
BUDGET = NextRuns("budget", (3e19,), 7, 2.1e20, widths((1.1, 0.0025), (1.18, 0.012)), 0.6)
REPEATS = NextRuns("repeats", (1e18, 1e19), 2, 1.1e19, widths((1.19, 0.0038), (1.3, 0.02)), 0.95)
SIZES = NextRuns("sizes", (1e19,), 2, 2e19, widths((1.21, 0.0042), (150.0, 0.022)), 1.05)
OUTLOOK = Outlook("nats/token", NOW, (REPEATS, BUDGET, SIZES))


def test_the_table_begins_with_what_is_known_now() -> None:
    made = next_table(OUTLOOK)
    assert made.titles == ("N* at ×3", "Loss at ×3", "N* at ×10", "Loss at ×10")
    assert [(row.runs, row.count, row.cost) for row in made.rows] == [
        ("None: as it is", "–", "–"),
        ("One repeat at each optimum", "2", "1.1×10¹⁹"),
        ("One more budget at 3×10¹⁹", "7", "2.1×10²⁰"),
        ("One more size at each end of 10¹⁹", "2", "2×10¹⁹"),
    ]
    assert made.rows[0].widths == ("×1.20", "±0.004", "×1.31", "±0.021")
    assert made.rows[2].widths == ("×1.10", "±0.0025", "×1.18", "±0.012")
    assert made.rows[3].widths[2] == "beyond ×100"


def test_the_words_name_the_best_for_its_flops_and_the_narrowest() -> None:
    assert next_table(OUTLOOK).best == (
        "Most for its FLOPs: one repeat at each optimum (2 runs, 1.1×10¹⁹ FLOPs). At ×10 the largest budget N* would "
        "be known to ×1.30 instead of ×1.31, the loss to ±0.020 instead of ±0.021. Narrowest: one more budget at "
        "3×10¹⁹ (7 runs, 2.1×10²⁰ FLOPs). At ×10 the largest budget N* would be known to ×1.18 instead of ×1.31, the "
        "loss to ±0.012 instead of ±0.021."
    )
    alone = next_table(replace(OUTLOOK, choices=(BUDGET,))).best
    assert alone.startswith("Most for its FLOPs: one more budget") and "Narrowest" not in alone


def test_runs_that_buy_nothing_are_not_recommended() -> None:
    said = next_table(replace(OUTLOOK, choices=(SIZES,))).best
    assert said == "None of these runs is expected to narrow the intervals."


def test_an_answer_where_there_is_none_is_worth_a_sentence() -> None:
    blind = widths((1.5, 0.1), (None, None))
    made = next_table(replace(OUTLOOK, now=blind, choices=(BUDGET,)))
    assert made.rows[0].widths[2:] == ("no answer", "no answer")
    assert "there would be an answer, N* known to ×1.18 and the loss to ±0.012." in made.best
    nothing = replace(SIZES, expected=blind, ratio=None)
    assert next_table(replace(OUTLOOK, now=blind, choices=(nothing,))).best.startswith("None of these")
    partly = replace(SIZES, expected=widths((1.3, 0.05), (None, None)), ratio=0.5)
    assert "At ×3 the largest budget N* would be known to ×1.30 instead of ×1.50" in (
        next_table(replace(OUTLOOK, now=blind, choices=(partly,))).best
    )


def test_a_narrower_size_alone_is_no_answer() -> None:
    """N* may become known better while the loss has no answer anywhere: there is nothing to say of it then."""
    sizes = replace(SIZES, expected=widths((1.2, None), (1.4, None)), ratio=0.5)
    made = next_table(replace(OUTLOOK, now=widths((1.5, None), (2.5, None)), choices=(sizes,)))
    assert made.best == "None of these runs is expected to narrow the intervals."

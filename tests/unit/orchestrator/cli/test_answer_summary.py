"""The dozen lines: what stands where, that they fit, and what a law without an answer says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.records import Interval
from analysis.wording import format_count, format_count_interval
from orchestrator.cli.answer_summary import (
    Pointers,
    headline,
    labelled,
    next_budget,
    summary,
    table_budgets,
    trust_lines,
    wrap,
)
from orchestrator.use_cases.trust import Facts, Finding, Mark
from tests.unit.orchestrator.cli.laws import no_law, small_law

LAB = Facts("lab", 20, 21, sweep="lab")
POINTERS = Pointers("isoflop fit lab -v", "isoflop validate lab --flops 3e12", "reports/lab/report.html", ("offline",))


def _summary(width: int = 80, **changes: object) -> list[str]:
    law = small_law(repeats=3)
    pointers = replace(POINTERS, **changes)  # type: ignore[arg-type]
    return summary(law, table_budgets(law), LAB, pointers, width=width)


def test_the_answer_is_a_dozen_lines_of_eighty_columns() -> None:
    lines = _summary()
    assert 10 <= len(lines) <= 14
    assert max(map(len, lines)) <= 80
    assert lines[0] == "lab: 20 of 21 runs, budgets 1e11 to 1e12"
    assert lines[1].split("  ")[1:] != []
    assert [line.split()[0] for line in lines[2:5]] == ["1e12", "3e12", "1e13"]
    assert lines[5].startswith("Mean of many such runs (95 %): ")
    assert lines[6].startswith("N* ∝ C^0.")
    assert lines[7].startswith("Trust   ! 1 of 21 runs has no result")
    assert lines[-3] == "Report  reports/lab/report.html   Details isoflop fit lab -v"
    assert lines[-2:] == ["wandb   offline", "Next    isoflop validate lab --flops 3e12"]


def test_the_table_has_the_interval_of_one_run_and_the_reach() -> None:
    law = small_law(repeats=3)
    header, fitted, _, far = _summary()[1:5]
    assert header.split("  ") != [] and "best N (95 %)" in header and "loss of a run (95 %)" in header
    assert fitted.endswith("fitted, medium") and far.endswith("×10, medium")
    p = law.predict(1e12)
    assert f"{p.loss:.3f} (" in fitted
    assert f"{format_count(p.params)} ({format_count_interval(p.params_interval, 2)})" in fitted
    low = float(fitted.split("(")[2].split()[0])
    assert low < p.loss_interval.low, "one run scatters about the mean of which the law speaks"
    means = [f"{one.loss_interval.low:.3f} to {one.loss_interval.high:.3f}" for one in law.band([1e12, 3e12, 1e13])]
    assert _summary()[5] == f"Mean of many such runs (95 %): {', '.join(means)}"


def test_without_a_known_scatter_the_interval_is_said_to_be_the_laws() -> None:
    law = small_law()
    lines = summary(law, [replace(p, run_interval=None) for p in table_budgets(law)], LAB, POINTERS)
    assert "loss of the law (95 %)" in lines[1] and not any("such runs" in line for line in lines)
    p = law.predict(1e12)
    assert f"({p.loss_interval.low:.3f} to {p.loss_interval.high:.3f})" in lines[2]


def test_confidence_is_named_unless_it_is_high_and_a_budget_inside_is_so_called() -> None:
    budgets = (1e11, 2e11, 4e11, 8e11, 1.6e12)
    law = small_law(noise=0.0005, budgets=budgets)
    lines = summary(law, law.band([1e12, 1.6e12, 4.8e12]), LAB, POINTERS)
    assert [line.split("  ")[-1] for line in lines[2:5]] == ["inside", "fitted", "×3"]


def test_the_noise_between_seeds() -> None:
    (line,) = [line for line in _summary() if line.startswith("N*")]
    sigma = small_law(repeats=3).noise.seed_sigma
    assert line.endswith(f"seed noise {sigma:.2g} nats/token (4 dof)")
    law = small_law()
    (once,) = [line for line in summary(law, table_budgets(law), LAB, POINTERS) if line.startswith("N*")]
    assert once.endswith("seed noise not measured (seeds.smallest_budget)")
    (other,) = [x for x in summary(law, table_budgets(law), Facts("t", 9, 9), POINTERS) if x.startswith("N*")]
    assert other.endswith("seed noise not measured")


def test_on_a_narrow_terminal_columns_go_and_remedies_move_below() -> None:
    law = small_law(noise=0.04)
    lines = summary(law, table_budgets(law), LAB, POINTERS, width=59)
    assert max(map(len, lines)) <= 59
    assert "tokens" not in lines[1] and "loss of a run" in lines[1]
    at = next(i for i, line in enumerate(lines) if "hardly known" in line)
    assert lines[at + 1].strip() == "→ add budget 3e12"
    assert "Details isoflop fit lab -v" in lines and "Report  reports/lab/report.html" in lines
    far = {"report": "/a/folder/that/is/far/away/" * 2 + "report.html"}
    assert _summary(200, **far) == _summary(80, **far)


def test_what_was_asked_besides_stands_between_answer_and_trust() -> None:
    law = small_law()
    lines = summary(law, law.band([1e13]), LAB, POINTERS, answer=["Hours   1 GPU-hour", "  " + "word " * 30])
    at = lines.index("Hours   1 GPU-hour")
    assert lines[at - 1].startswith("N*") and lines[at + 1].startswith("  word")
    assert lines[at + 2].startswith("    word") and lines[at + 3].startswith("Trust")


def test_without_a_law_the_reasons_take_the_place_of_the_table() -> None:
    law = no_law()
    assert table_budgets(law) == []
    lines = summary(law, [], LAB, POINTERS)
    assert lines[0] == "lab: 20 of 21 runs, budgets 1e11 to 3e11"
    assert lines[1].startswith("no law could be fitted: ")
    assert not any("∝" in line or "hardly" in line for line in lines)


def test_the_next_budget_is_one_that_the_law_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    law = small_law()
    assert next_budget(law, 3.0) == pytest.approx(3e12) and next_budget(law, 1e9) == law.limits.highest
    assert next_budget(no_law(), 3.0) is None
    monkeypatch.setattr("analysis.limits.WIDEST_SIZE", 1.0)
    void = replace(law)
    assert next_budget(void, 3.0) is None and table_budgets(void) == []
    (said, *_) = summary(void, [], LAB, POINTERS)[1:]
    assert said.startswith("N* is not even known to within a factor of 30 at any fitted budget.")


def test_one_budget_is_named_once() -> None:
    law = small_law()
    assert headline(replace(law, curves=law.curves[:1]), LAB).endswith("runs, budget 1e11")


def test_doubts_beyond_four_are_counted() -> None:
    doubts = [Finding(Mark.DOUBT, f"doubt {n}", "remedy" if n else "") for n in range(6)]
    lines = trust_lines(doubts, 80, "isoflop fit lab -v")
    assert lines[0] == "Trust   ! doubt 0"
    assert lines[1] == "        ! doubt 1".ljust(58) + "→ remedy"
    assert lines[4] == "        ! and 2 more doubts".ljust(58) + "→ isoflop fit lab -v"
    assert len(lines) == 5
    assert len(trust_lines(doubts[:4], 80, "")) == 4


def test_a_finding_that_is_too_long_wraps() -> None:
    doubt = Finding(Mark.DOUBT, "some words that do not fit", "remedy")
    assert trust_lines([doubt], 30, "") == [
        "Trust   ! some words that do",
        "          not fit",
        "          → remedy",
    ]
    assert trust_lines([replace(doubt, mark=Mark.FINE)], 30, "") == [
        "Trust   ✓ some words that do",
        "          not fit",
    ]


def test_findings_of_one_kind_share_lines_as_far_as_they_fit() -> None:
    fine = [Finding(Mark.FINE, "a" * 30), Finding(Mark.FINE, "b" * 30), Finding(Mark.FINE, "c" * 30)]
    assert trust_lines(fine, 80, "") == [f"Trust   ✓ {'a' * 30}; {'b' * 30}", f"        ✓ {'c' * 30}"]
    assert trust_lines(fine, 71, "")[0] == f"Trust   ✓ {'a' * 30}"
    assert trust_lines(fine, 72, "")[0] == f"Trust   ✓ {'a' * 30}; {'b' * 30}"
    assert trust_lines([], 80, "") == []


@pytest.mark.parametrize(
    ("room", "lines"), [(26, ["! text → remedy"]), (22, ["! text", "  → remedy"]), (23, ["! text → remedy"])]
)
def test_a_remedy_that_does_not_fit_moves_below(room: int, lines: list[str]) -> None:
    found = [line[8:] for line in trust_lines([Finding(Mark.DOUBT, "text", "remedy")], room, "")]
    assert [" ".join(line.split()) if i == 0 else line for i, line in enumerate(found)] == lines


def test_wrapping_keeps_a_number_with_its_unit() -> None:
    assert wrap("  costs 41.3 k of it", 14) == ["  costs 41.3 k", "    of it"]
    assert wrap("  costs 41.3 k of it", 13) == ["  costs", "    41.3 k of", "    it"]
    assert wrap("", 80) == []


def test_a_label_stands_before_the_first_line_alone() -> None:
    assert labelled("wandb", ["offline; upload with:", "wandb sync x"]) == [
        "wandb   offline; upload with:",
        "        wandb sync x",
    ]
    assert labelled("wandb", []) == []


@pytest.mark.parametrize(
    ("low", "params", "high", "text"),
    [
        (1.002e9, 1.021e9, 1.044e9, "1.02 B (1 to 1.04 B)"),
        (0.9e9, 1.02e9, 1.2e9, "1.02 B (900 M to 1.2 B)"),
        (1.013e9, 1.02e9, 1.03e9, "1.02 B (1.01 to 1.03 B)"),
        (1.0199e9, 1.02e9, 1.0201e9, "1.02 B (1.02 to 1.02 B)"),
    ],
)
def test_n_as_it_is_written_lies_between_the_ends_as_they_are(
    low: float, params: float, high: float, text: str
) -> None:
    law = small_law()
    p = replace(law.predict(1e12), params=params, params_interval=Interval(low, high))
    assert text in summary(law, [p], LAB, POINTERS)[2]

"""The answer in a dozen lines: the table of budgets, the exponent, how far to trust it, and what to do next."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

from analysis.answers.ngrams import ngram_sentence
from analysis.law import Law
from analysis.names import EstimatorName
from analysis.records import LawError, Prediction
from analysis.wording import (
    budget_mark,
    format_count,
    format_count_interval,
    format_exponent,
    format_interval,
    format_loss,
    plural,
    typed_flops,
)
from orchestrator.cli.tables import table_lines
from orchestrator.use_cases.trust import Facts, Finding, Mark, findings

WIDTH: Final = 80
"""Columns that a summary takes unless the terminal is narrower."""
MULTIPLES: Final = (1.0, 3.0, 10.0)
"""Rows of the table after a fit, as multiples of the largest budget."""
DOUBTS: Final = 4
"""Most doubts that a summary spells out."""
INTERVAL_DIGITS: Final = 2
"""Significant digits of the ends of N's interval, where these tell them from N."""
COUNT_DIGITS: Final = 3
"""Significant digits of N."""
_REMEDY_AT: Final = 58
"""Column at which remedies begin where the text before them is short enough."""
_LABEL: Final = 8
"""Width of the words in front of the lines: Trust, Report, Next."""
_IMPORTANCE: Final = ("budget", "best N (95 %)", "loss of a run (95 %)", "loss of the law (95 %)", "reach", "tokens")


@dataclass(frozen=True, slots=True)
class Pointers:
    """Where to read on and what to do next."""

    details: str
    """The command that shows everything."""
    following: str
    """The command to type next."""
    report: str = ""
    """Path of the report; empty where none was written."""
    tracking: Sequence[str] = ()
    """Where wandb writes, and how to upload it, by line; empty where nothing is tracked."""


def table_budgets(law: Law) -> list[Prediction]:
    """The predictions of the table after a fit: the largest fitted budget and multiples of it; none without a law."""
    try:
        return law.band(law.limits.only([multiple * law.largest_budget for multiple in MULTIPLES]))
    except LawError:
        return []


def next_budget(law: Law, multiple: float) -> float | None:
    """A multiple of the largest budget, or the largest that the law can tell; None where it can tell none."""
    try:
        return min(multiple * law.largest_budget, law.limits.highest)
    except LawError:
        return None


def summary(
    law: Law,
    predictions: Sequence[Prediction],
    facts: Facts,
    pointers: Pointers,
    *,
    answer: Sequence[str] = (),
    width: int = WIDTH,
) -> list[str]:
    """The answer as lines. `answer` has the lines that answer more than the optimum of a budget."""
    wide = min(width, WIDTH)
    return [
        headline(law, facts),
        *_table(law, predictions, wide),
        *(_exponent(law, facts, wide) if predictions else _no_law(law, wide)),
        *(piece for line in (*answer, ngram_sentence(law)) for piece in wrap(line, wide)),
        *trust_lines(findings(law, facts, predictions), wide, pointers.details),
        *_pointer_lines(pointers, wide),
    ]


def headline(law: Law, facts: Facts) -> str:
    """Whose answer it is: name, runs, and the range of budgets."""
    low, high = typed_flops(law.smallest_budget), typed_flops(law.largest_budget)
    budgets = f"budgets {low} to {high}" if low != high else f"budget {low}"
    return f"{facts.name}: {facts.done} of {plural(facts.planned, 'run')}, {budgets}"


def _table(law: Law, predictions: Sequence[Prediction], width: int) -> list[str]:
    """A row for each prediction, and below them the intervals of the law itself."""
    if not predictions:
        return []
    rows = [_row(law, prediction) for prediction in predictions]
    lines = table_lines(rows, list(rows[0]), width - 2, _IMPORTANCE)
    return [*(f"  {line}" for line in lines), *_means(predictions, width)]


def _means(predictions: Sequence[Prediction], width: int) -> list[str]:
    """The intervals of the mean loss, in the order of the rows, where these have that of one run."""
    if any(prediction.run_interval is None for prediction in predictions):
        return []
    means = ", ".join(format_interval(prediction.loss_interval) for prediction in predictions)
    return wrap(f"Mean of many such runs (95 %): {means}", width)


def _row(law: Law, p: Prediction) -> dict[str, str]:
    of_run = p.run_interval
    whose = "a run" if of_run else "the law"
    return {
        "budget": typed_flops(p.flops),
        "best N (95 %)": f"{format_count(p.params)} ({_ends(p)})",
        "tokens": format_count(p.tokens),
        f"loss of {whose} (95 %)": f"{format_loss(p.loss)} ({format_interval(of_run or p.loss_interval)})",
        "reach": _reach(law, p),
    }


def _ends(p: Prediction) -> str:
    """The ends of N's interval, in so many digits that N as it is written lies between them."""
    ends = p.params_interval
    for digits in range(INTERVAL_DIGITS, COUNT_DIGITS):
        low, high = (float(f"{end:.{digits}g}") for end in (ends.low, ends.high))
        if low < high and low <= float(f"{p.params:.{COUNT_DIGITS}g}") <= high:
            return format_count_interval(ends, digits)
    return format_count_interval(ends, COUNT_DIGITS)


def _reach(law: Law, p: Prediction) -> str:
    """Where a prediction lies, and its confidence unless that is high."""
    where = budget_mark(p.flops, law.smallest_budget, law.largest_budget)
    return where if p.confidence == "high" else f"{where}, {p.confidence}"


def _exponent(law: Law, facts: Facts, width: int) -> list[str]:
    """The exponent of N* and the noise between seeds, on one line where they fit."""
    parts = [
        f"N* ∝ C^{format_exponent(power.exponent, power.exponent_interval)}"
        for power in law.power_laws
        if power.estimator is EstimatorName.HEADLINE and power.quantity == "params"
    ]
    sigma = law.noise.seed_sigma
    if sigma is None:
        parts.append("seed noise not measured" + (" (seeds.smallest_budget)" if facts.sweep else ""))
    else:
        unit = f" {law.loss_unit}" if law.loss_unit != "as in the data" else ""
        parts.append(f"seed noise {sigma:.2g}{unit} ({law.noise.seed_degrees_of_freedom} dof)")
    line = "   ".join(parts)
    return [line] if cell_len(line) <= width else parts


def _no_law(law: Law, width: int) -> list[str]:
    try:
        law.predict(law.largest_budget)
    except LawError as error:
        return wrap(str(error), width)
    return []


def wrap(line: str, width: int) -> list[str]:
    """A line in pieces of at most a width, indented below its first word; a number keeps its unit."""
    indent = len(line) - len(line.lstrip())
    glued = re.sub(r"(?<=\d) (?=(?:[kMBT]|FLOPs)\b)", "\N{NO-BREAK SPACE}", line.strip())
    pieces = textwrap.wrap(
        glued,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [piece.replace("\N{NO-BREAK SPACE}", " ") for piece in pieces]


def trust_lines(found: Sequence[Finding], width: int, details: str) -> list[str]:
    """The findings: a line for each doubt, with its remedy, and what is fine or unchecked together."""
    doubts = [finding for finding in found if finding.mark is Mark.DOUBT]
    lines = [line for finding in doubts[:DOUBTS] for line in _doubt(finding, width)]
    if len(doubts) > DOUBTS:
        lines += _doubt(Finding(Mark.DOUBT, f"and {len(doubts) - DOUBTS} more doubts", details), width)
    for mark in (Mark.FINE, Mark.UNCHECKED):
        lines += _together(mark, [finding.text for finding in found if finding.mark is mark], width)
    return labelled("Trust", lines)


def _doubt(finding: Finding, width: int) -> list[str]:
    """A doubt and its remedy on one line where they fit, else on two."""
    text, remedy = f"{finding.mark} {finding.text}", f"→ {finding.remedy}"
    room = width - _LABEL - cell_len(remedy)
    if finding.remedy and cell_len(text) < room:
        return [text.ljust(min(_REMEDY_AT - _LABEL, room)).ljust(cell_len(text) + 1) + remedy]
    return [*wrap(text, width - _LABEL), *([f"  {remedy}"] if finding.remedy else [])]


def _together(mark: Mark, texts: Sequence[str], width: int) -> list[str]:
    """Texts of one mark, as many to a line as fit."""
    lines: list[str] = []
    for text in texts:
        if lines and _LABEL + cell_len(lines[-1]) + 2 + cell_len(text) <= width:
            lines[-1] += f"; {text}"
        else:
            lines += wrap(f"{mark} {text}", width - _LABEL)
    return lines


def _pointer_lines(pointers: Pointers, width: int) -> list[str]:
    details = f"Details {pointers.details}"
    lines = [details]
    if pointers.report:
        report = f"{'Report':<{_LABEL}}{pointers.report}"
        together = f"{report}   {details}"
        lines = [together] if cell_len(together) <= width else [report, details]
    return [*lines, *labelled("wandb", pointers.tracking), *labelled("Next", [pointers.following])]


def labelled(label: str, texts: Sequence[str]) -> list[str]:
    """Lines with a label in front of the first, the others below it."""
    return [f"{label if index == 0 else '':<{_LABEL}}{text}" for index, text in enumerate(texts)]

"""The law of many runs in two parts that two processes make at a time: that of all runs, and its rolling hold-out."""

from __future__ import annotations

from analysis.evidence import HoldoutRecord
from analysis.held_out import holdout_of
from analysis.law import Law, fit, with_holdout
from orchestrator.use_cases.shapes import token_cost
from orchestrator.use_cases.sweep_answers import SweepAnswers

MANY_RUNS = 500
"""Runs from which on two processes are worth their start."""
Records = tuple[HoldoutRecord, ...]


def has_parts(answers: SweepAnswers, label: str) -> bool:
    """Whether the law of a variant is worth making in parts: where runs repeat tokens it cannot be. Raises LawError."""
    if len(answers.runs) < MANY_RUNS:
        return False
    table = answers.variant(label).table
    return len(table) >= MANY_RUNS and table.unique is None


def bare_law(answers: SweepAnswers, label: str) -> Law:
    """The law of a variant without its hold-out. Raises LawError."""
    variant = answers.variant(label)
    return fit(variant.table, cost=token_cost(answers.setting(variant)), holdout=False)


def holdout_records(answers: SweepAnswers, label: str) -> Records:
    """Its hold-out, whatever its law. Raises LawError."""
    variant = answers.variant(label)
    return holdout_of(variant.table, token_cost(answers.setting(variant)))


def whole_law(answers: SweepAnswers, label: str, bare: Law, records: Records) -> Law:
    """The law as `SweepAnswers.law` gives it, to the last bit. Raises LawError."""
    return answers.completed(answers.variant(label), with_holdout(bare, records) if bare.estimators else bare)

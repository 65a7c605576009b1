"""Laws for the tests of answers: of a small sweep, and with a part replaced."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from analysis.evidence import CheckedCell, HoldoutRecord
from analysis.law import Law, fit
from analysis.records import Interval
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import small, sweep
from tests.unit.orchestrator.cli.stored import BUDGETS


@cache
def small_law(noise: float = 0.002, repeats: int = 1, budgets: tuple[float, ...] = BUDGETS) -> Law:
    """A law of a sweep like `lab`, in nats per token."""
    frame = sweep(small, budgets, noise=noise, repeats=repeats)
    return fit(RunTable.from_frame(frame, loss_unit="nats/token"))


@cache
def no_law() -> Law:
    """What a fit of two budgets gives: curves, and no law."""
    return fit(RunTable.from_frame(sweep(small, BUDGETS[:2]), loss_unit="nats/token"))


@cache
def short_law(cut: int = 1) -> Law:
    """A law of five budgets of which the last `cut` have too few sizes for a minimum."""
    budgets = (1e11, 2e11, 4e11, 8e11, 1.6e12)
    frame = sweep(small, budgets, noise=0.002)
    few = frame.flops.isin(budgets[len(budgets) - cut :]) & (frame.groupby("flops").cumcount() > 3)
    return fit(RunTable.from_frame(frame[~few], loss_unit="nats/token"))


def held(extrapolation: float, params: bool, loss: bool) -> HoldoutRecord:
    """A record of the hold-out; its numbers are of no matter."""
    some = Interval(1.0, 2.0)
    return HoldoutRecord(1e12, 1e12, extrapolation, 1.0, 0.1, 1.0, some, params, 1.0, 0.1, 1.0, some, loss, ())


def with_holdout(*records: HoldoutRecord) -> Law:
    """The small law with these records of its hold-out."""
    return replace(small_law(), holdout=records)


def checked(verdict: str, flops: float = 1e11) -> CheckedCell:
    """A cell of a recipe check."""
    return CheckedCell(flops, 5e4, "centre", verdict, 3.5, 3.45, 2.0, 0.5, 0.05, 0.02, 5, 5)

"""A law that was fitted without its rolling hold-out → the same law with it."""

from __future__ import annotations

from analysis.evidence import HoldoutRecord
from analysis.fitting.cost import TokenCost
from analysis.fitting.holdout import rolling_holdout
from analysis.fitting.spikes import set_aside_spikes
from analysis.law import Law, fit, with_holdout
from analysis.table.table import RunTable


def held_out(law: Law, table: RunTable) -> Law:
    """What `fit` gives for the table of a law that was fitted with `holdout=False`, without fitting all runs again.

    Only where runs repeat tokens is the law fitted anew: its losses were brought to fresh ones on the way.
    """
    if table.unique is not None:
        return fit(table, cost=law.cost)
    if not law.estimators:
        return law
    return with_holdout(law, holdout_of(table, law.cost))


def holdout_of(table: RunTable, cost: TokenCost) -> tuple[HoldoutRecord, ...]:
    """The rolling hold-out of a table whose runs repeat no tokens, which needs no law of all of its runs."""
    return rolling_holdout(set_aside_spikes(table), lambda earlier: fit(earlier, cost=cost, holdout=False))

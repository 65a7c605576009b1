"""A law that was fitted without its rolling hold-out → the same law with it."""

from __future__ import annotations

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
    table = set_aside_spikes(table)
    return with_holdout(law, rolling_holdout(table, lambda earlier: fit(earlier, cost=law.cost, holdout=False)))

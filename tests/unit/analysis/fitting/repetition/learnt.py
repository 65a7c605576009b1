"""The valley of a simulated sweep's fresh runs, and what its repeated ones say, each fitted once and when asked for."""

from __future__ import annotations

from functools import cache

from analysis.fitting.repetition.learn import fit_worth
from analysis.fitting.repetition.own import FittedWorth
from analysis.fitting.surface import Origin
from analysis.fitting.valley.posterior import Valley, learn
from tests.unit.analysis.repeating import COST, table

TABLE = table()


@cache
def valley() -> Valley:
    return learn(table(passes=(1,)), Origin.of(TABLE.params, TABLE.tokens, TABLE.flops))


@cache
def fitted() -> FittedWorth:
    found = fit_worth(TABLE, valley(), COST)
    assert found is not None
    return found

"""The valley of a simulated sweep's fresh runs, and what its repeated ones say, each fitted once."""

from __future__ import annotations

from analysis.fitting.repetition.learn import fit_worth
from analysis.fitting.surface import Origin
from analysis.fitting.valley.posterior import learn
from tests.unit.analysis.repeating import COST, table

TABLE = table()
VALLEY = learn(table(passes=(1,)), Origin.of(TABLE.params, TABLE.tokens, TABLE.flops))
FITTED = fit_worth(TABLE, VALLEY, COST)

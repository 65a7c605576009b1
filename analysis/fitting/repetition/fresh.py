"""A table some of whose runs repeat tokens, as if all of them were fresh: its losses less what repetition cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.cost import TokenCost
from analysis.fitting.repetition.learn import fit_worth
from analysis.fitting.repetition.own import FittedWorth
from analysis.fitting.repetition.published import PUBLISHED, Worth
from analysis.fitting.repetition.runs import Filled, Path, Runs, counted, design_of
from analysis.fitting.valley.posterior import Valley
from analysis.table.repeats import repeats
from analysis.table.table import RunTable
from analysis.wording import plural

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fresh:
    """A table without repetition, and what was learnt on the way."""

    table: RunTable
    """The runs of fresh tokens and those that were brought to it; none is marked as repeating."""
    worth: FittedWorth | None
    """What the runs say repetition is worth; None where they do not tell."""
    warnings: tuple[str, ...]
    """Plain sentences."""


def as_fresh(table: RunTable, cost: TokenCost, learn: Callable[[RunTable], Valley | None]) -> Fresh:
    """Lower the losses of a table's repeating runs by what repetition cost them.

    `learn` fits the valley of the runs on fresh tokens; None where they are too few, and then losses stay as they are.
    """
    assert table.unique is not None
    again = repeats(table.tokens, table.unique)
    plain = replace(table, unique=None, aside=None)
    valley = learn(plain.select(~again)) if not again.all() else None
    if valley is None:
        alone = "Too few runs saw fresh tokens alone: the losses of those that repeat tokens count as they are."
        return Fresh(plain, None, (alone,))
    worth = fit_worth(table, valley, cost)
    warnings = [] if worth else [_unknown(table)]
    if not again.any():
        return Fresh(plain, worth, tuple(warnings))
    lost = np.where(again, _lost(table, valley, cost, worth.best if worth else PUBLISHED), 0.0)
    warnings += _lowered(table, again, lost, worth)
    return Fresh(replace(plain, loss=table.loss - lost, curves=None), worth, tuple(warnings))


def _lost(table: RunTable, valley: Valley, cost: TokenCost, worth: Worth) -> Floats:
    """What repetition cost each run (n,), by the valley's mean: never less than nothing."""
    runs = Runs.of(replace(table, aside=None))
    log_n, log_d = counted(runs, Filled.of(runs, Path.of(runs, valley, cost)), worth)
    there, here = (
        valley.form.value(valley.mean[None], design_of(*at, valley, cost))[0]
        for at in ((log_n, log_d), (runs.log_params[None], runs.log_tokens[None]))
    )
    return np.asarray(np.maximum(there - here, 0))


def _unknown(table: RunTable) -> str:
    count = int(repeats(table.tokens, table.unique).sum()) if table.unique is not None else 0
    count += 0 if table.aside is None else len(table.aside.loss)
    which = "The run that repeats tokens does" if count == 1 else f"The {count} runs that repeat tokens do"
    return (
        f"{which} not tell what repetition is worth: the published constants of Muennighoff et al. 2023 stand for it."
    )


def _lowered(table: RunTable, again: NDArray[np.bool_], lost: Floats, worth: FittedWorth | None) -> Iterator[str]:
    assert table.unique is not None
    passes = (table.tokens / table.unique)[again]
    by = "what these runs show it to cost" if worth else "its published cost"
    yield (
        f"{plural(int(again.sum()), 'run')} saw their tokens up to {passes.max():.3g} times: their losses count less "
        f"{by}, up to {lost.max():.2g}, so that the law is that of fresh tokens."
    )

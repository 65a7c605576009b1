"""How far an answer can be trusted: what is hardly known and what would help, what is fine, what was not checked."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from analysis.fitting.holdout import far
from analysis.fitting.plausible import HIGHEST_EXPONENT, LOWEST_EXPONENT, implausible_exponent
from analysis.law import Law
from analysis.records import LawError, Prediction
from analysis.refusals import Reason
from analysis.table.excluded import describe_excluded
from analysis.wording import format_count, format_factor, format_flops, join_words, plural, refusal_phrase, typed_flops
from sweeps.plan.expected_width import WIDEST_LOSS, WIDEST_PARAMS

MULTIPLES: Final = (1.0, 3.0, 10.0, 30.0, 100.0)
"""Multiples of the largest budget at which the reach of a law is looked for."""
EXPECTED_REACH: Final = 10.0
"""Multiple of the largest budget that a law should reach: below it, the summary says what would help."""
DATA_REACH: Final = 100.0
"""Multiple of the largest budget up to which the data are worth a warning."""
STEP: Final = 3.0
"""Ratio of the next budget to add to the largest one."""
KEPT_SHARE: Final = 0.8
"""Least share of tested predictions, at 95 % each, whose intervals must hold what came for the law to pass as fine."""
EXCLUDED: Final = 3
"""Rows left out that are named for each reason, and reasons."""
_CURVE_REMEDIES: Final[Mapping[Reason, str]] = {
    Reason.TOO_FEW_SIZES: "more sizes",
    Reason.EDGE_MINIMUM: "move or widen sizes",
    Reason.NO_CURVATURE: "wider sizes, or seeds",
    Reason.NO_PARABOLA: "more steps",
}
"""What helps a budget whose curve has no minimum, by the reason of its refusal."""


class Mark(StrEnum):
    """What a finding is, and the sign in front of it."""

    DOUBT = "!"
    FINE = "✓"
    UNCHECKED = "–"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know of an answer."""

    mark: Mark
    """What it is."""
    text: str
    """In a few words."""
    remedy: str = ""
    """The key of the sweep or the verb that would help; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a law's runs besides the law."""

    name: str
    """What the runs are called: a sweep, a table or a wandb project."""
    done: int
    """Runs with a result."""
    planned: int
    """Runs that there should be."""
    sweep: str = ""
    """The sweep as the command line takes it; empty for runs from elsewhere."""
    unique_tokens: int = 0
    """Different training tokens of the corpus; 0 where that is not known."""
    epochs_max: float = 1.0
    """Passes over the corpus that the sweep allows."""
    forecasts_scored: int = 0
    """Stored forecasts whose run has been trained."""
    forecasts_inside: int = 0
    """Of these, the ones whose interval holds the run's loss."""


def findings(law: Law, facts: Facts, predictions: Sequence[Prediction] = ()) -> list[Finding]:
    """What there is to know of a law's answers, the doubts first; `predictions` are the answers that are shown."""
    found = [
        *_missing(facts),
        *_curves(law),
        *_reach(law, predictions),
        *_exponent(law),
        *_data(law, facts),
        *_holdout(law, facts),
        *_recipe(law, facts),
        *_excluded(law, facts),
    ]
    return sorted(found, key=lambda finding: list(Mark).index(finding.mark))


def _missing(facts: Facts) -> Iterator[Finding]:
    missing = facts.planned - facts.done
    if missing > 0 and facts.sweep:
        remedy = f"isoflop retry {facts.sweep}"
        have = "has" if missing == 1 else "have"
        yield Finding(Mark.DOUBT, f"{missing} of {plural(facts.planned, 'run')} {have} no result", remedy)


def _curves(law: Law) -> Iterator[Finding]:
    """Which budgets have a minimum."""
    bare = [curve for curve in law.curves if not curve.has_minimum]
    if not bare:
        have = "has" if len(law.curves) == 1 else "have"
        yield Finding(Mark.FINE, f"{len(law.curves)} of {plural(len(law.curves), 'curve')} {have} a minimum")
        return
    reasons = Counter(refusal.reason for curve in bare for refusal in curve.refusals.values())
    ((reason, _),) = reasons.most_common(1)
    if len(bare) == 1:
        text = f"no minimum at {typed_flops(bare[0].flops)}: {refusal_phrase(reason)}"
    else:
        text = f"{len(bare)} of {len(law.curves)} curves have no minimum ({refusal_phrase(reason)})"
    yield Finding(Mark.DOUBT, text, _CURVE_REMEDIES.get(reason, ""))


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a law is useful, as multiples of its largest budget; 0 where it is not even at that."""

    params: float
    """Largest multiple at which N* is known to within `WIDEST_PARAMS`."""
    loss: float
    """Largest multiple at which the loss is known to within `WIDEST_LOSS`."""


def reach_of(law: Law) -> Reach | None:
    """How far a law is useful; None where there is no law."""
    try:
        multiples = [multiple for multiple in MULTIPLES if multiple * law.largest_budget in law.limits]
        band = law.band([multiple * law.largest_budget for multiple in multiples])
    except LawError:
        return None
    reach = {"params": 0.0, "loss": 0.0}
    narrow = {"params": True, "loss": True}
    for multiple, p in zip(multiples, band, strict=True):
        factor = math.sqrt(p.params_interval.high / p.params_interval.low)
        narrow["params"] &= factor <= WIDEST_PARAMS
        narrow["loss"] &= p.loss - p.loss_interval.low <= WIDEST_LOSS
        reach |= {name: multiple for name, holds in narrow.items() if holds}
    return Reach(**reach)


def _reach(law: Law, predictions: Sequence[Prediction]) -> Iterator[Finding]:
    """Whether the law is narrow enough as far as one asks, and what would narrow it."""
    reach = reach_of(law)
    if reach is None:
        return
    furthest = max([EXPECTED_REACH, *(prediction.extrapolation for prediction in predictions)])
    short = {"N*": reach.params, "loss": reach.loss}
    short = {name: multiple for name, multiple in short.items() if multiple < min(furthest, MULTIPLES[-1])}
    if not short:
        known = format_factor(min(reach.params, reach.loss))
        yield Finding(Mark.FINE, f"N* within ×{WIDEST_PARAMS:g}, loss within ±{WIDEST_LOSS:g} up to {known}")
        return
    least = min(short.values())
    budgets = len([curve for curve in law.curves if curve.has_minimum])
    where = _beyond(least)
    helps = f"add budget {typed_flops(STEP * law.largest_budget)}" if least else "more sizes or seeds"
    yield Finding(Mark.DOUBT, f"{plural(budgets, 'budget')}: {' and '.join(short)} hardly known {where}", helps)


def _beyond(multiple: float) -> str:
    """Where something begins to be hardly known, from the furthest multiple of the largest budget where it is known."""
    if multiple > 1:
        return f"beyond {format_factor(multiple)}"
    return "beyond the largest" if multiple else "even at the largest budget"


def _exponent(law: Law) -> Iterator[Finding]:
    """Whether N* grows with compute as it can."""
    exponent = implausible_exponent(law.power_laws)
    if exponent is not None:
        text = f"N* ∝ C^{exponent:.2f} is not plausible ({LOWEST_EXPONENT:g} to {HIGHEST_EXPONENT:g} is)"
        yield Finding(Mark.DOUBT, text, "check what N counts, warmup, schedule")


def _data(law: Law, facts: Facts) -> Iterator[Finding]:
    """Up to which budget the corpus has tokens enough."""
    if not facts.unique_tokens:
        return
    budget = budget_of_tokens(law, facts.unique_tokens * facts.epochs_max)
    if budget is None:
        return
    passes = "one pass" if facts.epochs_max == 1 else f"{facts.epochs_max:g} passes"
    text = f"{passes} over your {format_count(facts.unique_tokens)} tokens"
    if budget < DATA_REACH * law.largest_budget:
        yield Finding(Mark.DOUBT, f"{text}: enough up to {typed_flops(budget)}", "more text, or epochs_max")


def budget_of_tokens(law: Law, tokens: float) -> float | None:
    """The budget whose D* is this many tokens, FLOPs; None where there is no law or no such budget near its range."""
    budgets = [law.smallest_budget * 10 ** (step / 8) for step in range(-16, 1 + 8 * 12)]
    try:
        band = law.band(law.limits.only(budgets))
    except LawError:
        return None
    for lower, upper in itertools.pairwise(band):
        if lower.tokens <= tokens < upper.tokens:
            share = math.log(tokens / lower.tokens) / math.log(upper.tokens / lower.tokens)
            return float(lower.flops * (upper.flops / lower.flops) ** share)
    return None


def _holdout(law: Law, facts: Facts) -> Iterator[Finding]:
    """How predictions came out: of later budgets from the earlier ones, and of validation runs."""
    records = far(law.holdout)
    inside = sum(record.params_covered and record.loss_covered for record in records)
    yield from _tested(inside, len(records), "later budgets lay inside their predicted intervals")
    yield from _tested(facts.forecasts_inside, facts.forecasts_scored, "forecast intervals contained their run's loss")
    if not records and not facts.forecasts_scored:
        next_budget = typed_flops(STEP * law.largest_budget)
        remedy = f"isoflop validate {facts.sweep} --flops {next_budget}" if facts.sweep else ""
        yield Finding(Mark.UNCHECKED, "no prediction tested", remedy)


def _tested(inside: int, tested: int, text: str) -> Iterator[Finding]:
    """How many of the tested predictions held; nothing where none was tested."""
    if inside >= KEPT_SHARE * tested > 0:
        yield Finding(Mark.FINE, f"{inside} of {tested} {text}")
    elif tested:
        yield Finding(Mark.DOUBT, f"only {inside} of {tested} {text}", "add budgets or seeds")


def _recipe(law: Law, facts: Facts) -> Iterator[Finding]:
    """What a check of the recipe found; only a sweep can have one."""
    cells = law.recipe_check
    fails = [cell for cell in cells if cell.verdict == "fails"]
    if fails:
        where = join_words(sorted({format_flops(cell.flops) for cell in fails}))
        yield Finding(Mark.DOUBT, f"recipe fails in {len(fails)} of {len(cells)} cells ({where})", "recipe_overrides")
    elif cells and all(cell.verdict == "passes" for cell in cells):
        yield Finding(Mark.FINE, f"recipe passes in {len(cells)} of {len(cells)} cells")
    elif facts.sweep:
        yield Finding(Mark.UNCHECKED, "recipe check unfinished" if cells else "recipe not checked (recipe_check)")


def _excluded(law: Law, facts: Facts) -> Iterator[Finding]:
    """Rows of a table that were left out, and why, and those that are not on their curve."""
    if law.excluded:
        yield Finding(Mark.UNCHECKED, describe_excluded(law.excluded, EXCLUDED).rstrip("."))
    without = facts.planned - facts.done - len(law.excluded)
    if without > 0 and not facts.sweep:
        runs = "run is" if without == 1 else "runs are"
        yield Finding(Mark.UNCHECKED, f"{without} {runs} too far from every surface for a budget's curve")

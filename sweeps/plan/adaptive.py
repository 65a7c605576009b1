"""Which runs an adaptive sweep trains next, and when it ends: from its file and the losses of complete rounds. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np

from analysis.fitting.cost import TokenCost
from analysis.law import Law
from analysis.records import LawError, QuestionError
from analysis.suggest.cells import Cells, joined
from analysis.suggest.course import CoursePoint
from analysis.suggest.first import affordable_curves, suggest_first
from analysis.suggest.records import Outcome, Precision, SuggestedRun, Suggestion, Target, Why
from analysis.suggest.suggest import suggest
from analysis.wording import typed_flops, typed_up
from sweeps.file.spec import LimitsSpec, SweepSpec
from sweeps.plan.candidates import Candidates, as_cells, candidates
from sweeps.plan.combination import NOTHING_VARIED
from sweeps.plan.expected_width import DEFAULT_NOISE
from sweeps.plan.grid import setting_of
from sweeps.plan.plan import plan_of_runs, plan_single
from sweeps.plan.records import DataFacts, PlanError, PlannedRun
from sweeps.plan.rounds import Round, Stop, measure
from sweeps.plan.shares import shares_of
from sweeps.recipes.ladder import flops_nodes


@dataclass(frozen=True)
class Decision:
    """A round with its runs as planned."""

    round: Round
    """The round, to be stored before it starts."""
    planned: tuple[PlannedRun, ...] = ()
    """Those of its runs, and then of the runs ahead, that are new; none where the sweep ends."""


@dataclass(frozen=True)
class Trained:
    """A run of a complete round."""

    run_id: str
    """Identity."""
    budget: float
    """Nominal training FLOPs of its cell."""
    size_id: str
    """Identity of its size."""
    flops: float
    """Training FLOPs."""
    loss: float | None
    """Loss, nats per token; None where it diverged."""


@dataclass(frozen=True)
class Ahead:
    """A run with which the next round begins, whatever became of it so far."""

    run_id: str
    """Identity."""
    budget: float
    """Nominal training FLOPs of its cell."""
    params: float
    """N."""
    flops: float
    """Training FLOPs."""


def target_of(spec: SweepSpec) -> Target:
    """The precision at which a sweep stops."""
    return Target(spec.adaptive.until.params, spec.adaptive.until.loss)


def asked_of(spec: SweepSpec) -> float:
    """The budget of the answer, training FLOPs."""
    assert spec.adaptive.ask is not None
    return spec.adaptive.ask


def spend_of(spec: SweepSpec) -> float:
    """Training FLOPs that all runs may spend."""
    assert spec.adaptive.spend is not None
    return spec.adaptive.spend


def first_round(spec: SweepSpec, facts: DataFacts) -> Decision:
    """The first design, three whole curves and the repeats that show the noise, with the course to expect after it.

    The course is simulated with the usual noise between seeds, so that nothing but the file decides. Where the sweep
    asks for it, the spend pays for the check of the recipe on these curves, too.

    Raises PlanError where the spend does not pay for a law, or no law can come of the cells there are.
    """
    found = candidates(spec, facts, asked_of(spec), spend=spend_of(spec))
    if not found.runs:
        raise PlanError(f"adaptive: no cell of its budgets can be trained: {found.dropped}")
    setting, cells = setting_of(spec, facts.vocab, NOTHING_VARIED), as_cells(found.runs)
    nodes = flops_nodes(setting.recipe, setting.vocab, setting.context, setting.parts)
    try:
        checks = _price_of_checks(spec, facts, found, cells) if spec.recipe_check else 0.0
        suggestion = suggest_first(
            cells,
            asked_of(spec),
            cost=TokenCost.from_nodes([n for n, _ in nodes], [f for _, f in nodes]),
            noise=DEFAULT_NOISE,
            spend=spend_of(spec) - checks,
            least=min(spec.budgets),
            target=target_of(spec),
        )
    except QuestionError as error:
        raise PlanError(f"adaptive: {error}") from None
    except LawError as error:
        raise PlanError(": ".join(filter(None, ("adaptive", str(error), found.dropped)))) from None
    first = list(takewhile(lambda run: run.why in (Why.FIRST, Why.NOISE), suggestion.runs))
    planned = _planned(spec, facts, first, ())
    course = tuple(CoursePoint(run.spent + checks, run.expected) for run in suggestion.runs if run.expected is not None)
    runs = tuple(run.run_id for run in planned)
    stopped = "" if suggestion.outcome is Outcome.REACHED else found.stopped
    note = "; ".join(filter(None, (_out_of_reach(suggestion), stopped)))
    return Decision(Round(runs, 0.0, expected=first[-1].expected, note=note, course=course), planned)


def _price_of_checks(spec: SweepSpec, facts: DataFacts, found: Candidates, cells: Cells) -> float:
    """Training FLOPs of the runs that check the recipe on the first curves.

    Raises PlanError where the spend does not pay for both; LawError, QuestionError where there can be no such curves.
    """
    first = affordable_curves(cells, min(spec.budgets), spend_of(spec))
    runs = plan_of_runs(replace(spec, limits=LimitsSpec()), [found.runs[at] for at in first], facts).checks
    price, curves = sum(run.flops for run in runs), float(cells.flops[first].sum())
    least = price + curves + float(cells.flops.min())
    if least > spend_of(spec):
        raise PlanError(
            f"adaptive: a spend of {typed_flops(spend_of(spec))} FLOPs does not pay for the first curves, "
            f"{typed_flops(curves)} FLOPs, a run after them, and the {len(runs)} runs of recipe_check, "
            f"{typed_flops(price)} FLOPs: the least for all is {typed_up(least)}; or drop recipe_check"
        )
    return price


def next_round(
    spec: SweepSpec,
    facts: DataFacts,
    law: Law,
    had: Cells,
    trained: Sequence[Trained],
    number: int,
    ahead: Sequence[Ahead] = (),
    checks: float = 0.0,
) -> Decision:
    """What follows when all rounds are complete.

    Runs ahead are part of it, and their losses count for nothing yet: otherwise those would decide that happen to be
    there. Where it would end, they are a round of their own, and all losses decide once more.

    Args:
        spec: the sweep.
        facts: its data.
        law: fitted to the losses of all its runs.
        had: the cells of the law's runs.
        trained: all its runs, those that diverged among them.
        number: how many rounds there were, the first design among them.
        ahead: the runs ahead that the last of them named.
        checks: training FLOPs of the runs that check the recipe.
    """
    spent = checks + sum(run.flops for run in trained)
    left = spend_of(spec) - spent
    found = candidates(spec, facts, asked_of(spec))
    if law.valley is None:
        return _begun(_without_law(spec, facts, found, trained, spent, ahead), ahead)
    cells = joined(had, _open_cells(found, trained))
    begun = [_index(cells, run) for run in ahead]
    if not ((cells.most > 0) & (cells.flops <= left - sum(run.flops for run in ahead))).any():
        known = known_at(law, asked_of(spec))
        reached = known is not None and target_of(spec).reached(known)
        return _begun(Decision(Round((), spent, known, stop=Stop.REACHED if reached else Stop.SPENT)), ahead)
    suggestion = suggest(law, cells, asked_of(spec), spend=left, target=target_of(spec), begun=begun)
    suggestion = replace(suggestion, runs=suggestion.runs[len(begun) :])
    now = suggestion.now
    stop = _stop(spec, suggestion, number)
    if stop is not None:
        return _begun(Decision(Round((), spent, now, stop=stop)), ahead)
    runs, further = shares_of(suggestion.runs, left, sum(run.flops for run in ahead), spec.adaptive.rounds - number)
    planned = _planned(spec, facts, [*runs, *further], {run.run_id for run in trained} | {run.run_id for run in ahead})
    ids, note = tuple(run.run_id for run in planned), _out_of_reach(suggestion)
    decided = Round(ids[: len(runs)], spent, now, runs[-1].expected, note=note, ahead=ids[len(runs) :])
    return _begun(Decision(decided, planned), ahead)


def _begun(decision: Decision, ahead: Sequence[Ahead]) -> Decision:
    """A decision with the runs ahead first in its round: a round of them alone where it would end."""
    if not ahead:
        return decision
    runs = (*(run.run_id for run in ahead), *decision.round.runs)
    return replace(decision, round=replace(decision.round, runs=runs, stop=None))


def _index(cells: Cells, run: Ahead) -> int:
    """The cell of a run."""
    off = np.abs(np.log(cells.budget / run.budget)) + np.abs(np.log(cells.params / run.params))
    return int(np.argmin(off))


def known_at(law: Law, flops: float) -> Precision | None:
    """How closely a law knows its answer at a budget, training FLOPs; None where it has none there."""
    try:
        headline = law.combined(np.array([flops]))
    except LawError:
        return None
    return Precision(float(headline.log_params_half[0]), float(headline.loss_half[0]))


def _stop(spec: SweepSpec, suggestion: Suggestion, number: int) -> Stop | None:
    """Why no further round follows; None where one does."""
    if suggestion.now is not None and suggestion.target.reached(suggestion.now):
        return Stop.REACHED
    if number >= spec.adaptive.rounds:
        return Stop.ROUNDS
    if suggestion.runs:
        return None
    return Stop.SPENT if suggestion.outcome is Outcome.SPENT else Stop.EXHAUSTED


def _open_cells(found: Candidates, trained: Sequence[Trained]) -> Cells:
    """The candidates as cells; those whose runs diverged are not tried again."""
    diverged = {(run.budget, run.size_id) for run in trained if run.loss is None}
    cells = as_cells(found.runs)
    closed = np.array([(run.budget, run.size_id) in diverged for run in found.runs], dtype=bool)
    return replace(cells, most=np.where(closed, 0, cells.most))


def _without_law(
    spec: SweepSpec,
    facts: DataFacts,
    found: Candidates,
    trained: Sequence[Trained],
    spent: float,
    ahead: Sequence[Ahead],
) -> Decision:
    """The sizes that the curves so far leave out, as far as the spend pays for them: they may give a law."""
    left = spend_of(spec) - spent - sum(run.flops for run in ahead)
    begun = {run.budget for run in trained}
    had = {(run.budget, run.size_id) for run in trained}
    known = {run.run_id for run in ahead}
    chosen = []
    for run in found.runs:
        new = (run.budget, run.size_id) not in had and run.run_id not in known
        if run.budget in begun and new and run.flops <= left:
            chosen.append(run)
            left -= run.flops
    if not chosen:
        return Decision(Round((), spent, stop=Stop.NO_LAW))
    planned = tuple(plan_single(spec, facts, run.budget, run.params) for run in chosen)
    return Decision(Round(tuple(run.run_id for run in planned), spent, note="the curves so far give no law"), planned)


def _planned(
    spec: SweepSpec,
    facts: DataFacts,
    runs: Sequence[SuggestedRun],
    known: Collection[str],
) -> tuple[PlannedRun, ...]:
    """Suggested runs as the sweep trains them; a repeat has the first seed that its cell does not have yet."""
    taken = set(known)
    planned = []
    for run in runs:
        seed = run.seed
        made = plan_single(spec, facts, run.budget, run.params, seed=seed)
        while made.run_id in taken:
            seed += 1
            made = plan_single(spec, facts, run.budget, run.params, seed=seed)
        taken.add(made.run_id)
        planned.append(made)
    return tuple(planned)


def _out_of_reach(suggestion: Suggestion) -> str:
    """That the precision asked for is not expected, with the nearest that is; empty where it is expected."""
    target, nearest = suggestion.target, suggestion.expected
    if not target.any or nearest is None or target.reached(nearest):
        return ""
    typed = target.typed(nearest)
    return (
        f"the precision asked for is not expected within {typed_flops(suggestion.spend)} FLOPs: the nearest is "
        f"{measure(nearest)}; {f'ask for {typed}, or ' if typed else ''}spend more"
    )

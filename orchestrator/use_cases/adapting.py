"""Sweeps that grow by rounds: once all runs of one have ended, the next is decided, and stored before it starts."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from contextlib import suppress

from analysis.records import LawError
from analysis.suggest.cells import Cells
from analysis.wording import format_flops, plural
from model.config import RunConfig
from orchestrator.states import Hold, RunState
from orchestrator.store import CeilingExceeded, RunRecord, SweepRecord, Unavailable
from orchestrator.use_cases.planning import Planning, facts_of
from orchestrator.use_cases.submission import new_run
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.workspace import Workspace
from sweeps.plan.adaptive import Ahead, Decision, Trained, next_round
from sweeps.plan.plan import timed
from sweeps.plan.records import DataFacts, PlanError
from sweeps.plan.rounds import Round, Stop, measure
from sweeps.tune.rounds import Trial, next_trials
from tokenizer.errors import ExpectedError
from tokenizer.shards import ShardError, read_manifest

COMPLETE = (RunState.DONE, RunState.DIVERGED)
"""States of runs whose loss, or lack of one, is final. A failed or cancelled run may still be retried."""

log = logging.getLogger("isoflop.adapting")


class Adapting:
    """Decides the rounds of the adaptive sweeps and of the tunings of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        """The sweeps of this workspace are decided on."""
        self._workspace = workspace
        self._planning = Planning(workspace)

    def advance(self, sweep: SweepRecord) -> bool:
        """Decide what follows if all runs of a sweep's rounds are complete; whether another round begins.

        The decision follows from the sweep's file and the losses of its rounds alone, and is stored before any of its
        runs starts: whoever decides, and however often they are killed, the rounds are the same. Runs ahead of the next
        round are left out of it, so that nothing depends on how far they are.

        Raises CeilingExceeded, PlanError, CorpusError, CalibrationError, ArtifactsAway: nothing is decided then.
        """
        store = self._workspace.store
        record = store.sweep_by_id(sweep.id)
        runs = store.runs_of(sweep.id, "grid") or store.runs_of(sweep.id, "check")  # a tuning has no grid
        rounds = [run for run in runs if run.id not in record.ahead]
        if not record.open_ended or record.held is not None or any(run.state not in COMPLETE for run in rounds):
            return False
        answers, number = SweepAnswers(record, rounds, self._workspace.home.artifacts), len(record.rounds)
        checks = sum(run.flops for run in store.runs_of(sweep.id, "check"))
        decision = self._decide(answers, number, ahead_of(runs, record.ahead), checks)
        spec, planned = answers.spec, decision.planned
        cost = self._planning.cost([run.run for run in planned], spec) if planned else None
        new = [new_run(timed(run, cost), cost, spec.kind) for run in planned]
        if not store.add_round(record.id, number, decision.round, new, self._workspace.settings.ceilings):
            return False
        if decision.round.stop is None:
            self._workspace.say(f"sweep {record.name}: {sentence(number, decision.round)}")
        if decision.round.stop is None and not new and spec.tune.on:  # all that it wanted to try is trained already
            return self.advance(sweep)
        return decision.round.stop is None

    def advance_all(self) -> None:
        """Decide for every adaptive sweep whose runs are complete; one that cannot be decided is paused, and says why.

        Raises Unavailable; once all others are decided, an ExceptionGroup of the defects that kept sweeps from it.
        """
        store, defects = self._workspace.store, []
        for sweep in store.open_ended():
            try:
                self.advance(sweep)
            except Unavailable:
                raise
            except ExpectedError as error:
                log.warning("sweep %s: the next round cannot be decided: %s", sweep.name, error)
                why = error.reason if isinstance(error, CeilingExceeded) else error
                store.hold(sweep.id, Hold.PAUSED, f"the next round cannot be decided: {why}", unless_held=True)
            except Exception as error:  # noqa: BLE001 - raised below, once the others are decided
                error.add_note(f"sweep {sweep.name}")
                defects.append(error)
        if defects:
            raise ExceptionGroup("adaptive sweeps could not be decided on", defects)

    def _decide(self, answers: SweepAnswers, number: int, ahead: Sequence[Ahead], checks: float) -> Decision:
        """What follows the rounds of a sweep so far, some of whose runs went ahead."""
        spec, trained = answers.spec, trained_of(answers.runs)
        if spec.tune.on:
            return next_trials(spec, self._facts(answers), trials_of(answers.runs), number)
        try:
            (variant,) = answers.variants
            law = answers.fit(variant, holdout=False)
        except LawError:  # not one run has a loss
            return Decision(Round((), checks + sum(run.flops for run in trained), stop=Stop.NO_LAW))
        had = Cells.run_already(variant.table, 0)
        return next_round(spec, self._facts(answers), law, had, trained, number, ahead, checks)

    def _facts(self, answers: SweepAnswers) -> DataFacts:
        """The data of a sweep's runs, as they were tokenised. Raises PlanError where they are gone, CorpusError."""
        dataset = answers.sweep.dataset
        with suppress(ShardError):
            return facts_of(read_manifest(self._workspace.home.artifacts / dataset))
        with suppress(ShardError, FileNotFoundError):  # it was prepared in another home
            return facts_of(read_manifest(self._workspace.artifacts.dataset(dataset)))
        facts = self._planning.facts(answers.spec)
        if facts.dataset != dataset:
            raise PlanError(
                f"sweep {answers.sweep.name}: the corpus has changed since its first runs, so further ones would train "
                "on other data: restore it, or submit the sweep anew"
            )
        return facts


def trained_of(runs: Sequence[RunRecord]) -> list[Trained]:
    """The runs of a sweep's complete rounds as decisions take them."""
    return [
        Trained(run.id, run.cell.budget, run.cell.size_id, run.flops, run.loss if run.state is RunState.DONE else None)
        for run in runs
        if run.cell is not None
    ]


def ahead_of(runs: Sequence[RunRecord], ids: Collection[str]) -> list[Ahead]:
    """Those of a sweep's runs that went ahead of the next round, as decisions take them."""
    return [
        Ahead(run.id, run.cell.budget, run.cell.params, run.flops)
        for run in runs
        if run.cell is not None and run.id in ids
    ]


def trials_of(runs: Sequence[RunRecord]) -> list[Trial]:
    """The runs of a tuning's complete rounds as decisions take them, in their order."""
    return [
        Trial(
            RunConfig.from_dict(run.config),
            run.cell.budget,
            run.flops,
            run.loss if run.state is RunState.DONE else None,
            next(iter(run.cell.checks), None),
        )
        for run in runs
        if run.cell is not None and run.state in COMPLETE
    ]


ENDS = {
    Stop.REACHED: "the precision asked for is reached",
    Stop.SPENT: "the spend pays for no further run",
    Stop.EXHAUSTED: "no affordable run would narrow the answer noticeably",
    Stop.ROUNDS: "all rounds that adaptive.rounds allows are trained",
    Stop.CONTINUED: "a later revision of the sweep goes on from its rounds",
    Stop.NO_LAW: "the runs give no law, and no affordable run of their curves is left",
    Stop.TUNED: "the settings are searched and the rules tested",
    Stop.DIVERGED: "every trial diverged: start from lower learning rates",
}
"""Why a sweep that grows by rounds ends, in words."""


def sentence(number: int, decided: Round) -> str:
    """A decision in words; `number` is how many rounds there were before it."""
    known = "" if decided.known is None else f"{measure(decided.known)} after {format_flops(decided.spent)} FLOPs; "
    if decided.stop is not None:
        return f"{known}it ends: {ENDS[decided.stop]}"
    expected = "" if decided.expected is None else f", {measure(decided.expected)} expected after it"
    ahead = f"; idle workers go ahead with {len(decided.ahead)} of the next" if decided.ahead else ""
    note = f"; {decided.note}" if decided.note else ""
    return f"{known}round {number + 1} has {plural(len(decided.runs), 'run')}{expected}{ahead}{note}"

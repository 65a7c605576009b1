"""Tuning: a sweep whose runs search its recipe's settings, and the recipe that they give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.states import RunState
from orchestrator.store import SweepRecord
from orchestrator.use_cases.adapting import sentence, trials_of
from orchestrator.use_cases.planning import Planned, Planning
from orchestrator.use_cases.recipes import check_name, write_recipe
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.check import checked
from sweeps.file.compose import load_sweep
from sweeps.file.placing import placing
from sweeps.plan.mates import with_mates
from sweeps.plan.plan import timed
from sweeps.plan.records import DataFacts, Plan
from sweeps.plan.rounds import Stop
from sweeps.tune.cells import TuneCell, field_of
from sweeps.tune.result import Found, found_by
from sweeps.tune.rounds import first_trials, usual_spend

SUFFIX = "-tune"
"""What the name of a tuning has more than the sweep's."""


@dataclass(frozen=True)
class TunedRecipe:
    """A recipe that a tuning has found, as it was written."""

    name: str
    """Its name."""
    path: Path
    """Its file."""
    found: Found
    """What the trials gave."""
    definition: dict[str, Any]
    """Its definition: plain data."""


class Tuning:
    """Searches settings of recipes in a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        """Trials are trained on the data and in the home of this workspace."""
        self._workspace = workspace
        self._planning = Planning(workspace)

    def recipe_name(self, source: Path, overrides: Sequence[str], wanted: str | None) -> str:
        """The name of the recipe that a tuning will write: the sweep's, unless another is wanted.

        Raises SweepError, and RecipeError for a name that no recipe of the home can have.
        """
        name = self._planning.load(source, overrides).name if wanted is None else wanted
        check_name(name)
        return name

    def plan(self, source: Path, overrides: Sequence[str] = (), spend: float | None = None) -> Planned:
        """The first round of a sweep's tuning; without a spend, that of a dozen trials of each cell.

        Raises SweepError, CorpusError, PlanError, CalibrationError, SettingsError.
        """
        planning, spec = self._planning, self._planning.load(source, overrides)
        with placing(source, overrides):
            facts = planning.facts(spec)
        wanted = spend or spec.tune.spend or usual_spend(field_of(spec, facts))
        spec = checked(replace(spec, name=tuning_name(spec.name), tune=replace(spec.tune, spend=wanted)))
        first = first_trials(spec, facts)
        device = planning.device_of(spec)
        workers = planning.workers(device)
        cost = planning.cost([run.run for run in first.planned], spec)
        trials = Plan(spec, (), (), (), checks=tuple(timed(run, cost) for run in first.planned))
        plan = with_mates(trials, cost, workers)
        return Planned(plan, facts, device, workers, (), cost, (first.round,))

    def recipe(self, sweep: SweepRecord, name: str) -> TunedRecipe | None:
        """Write the recipe that a tuning has found into the home; None before its end, and where all trials diverged.

        Raises RecipeError for a name that no recipe can have.
        """
        store = self._workspace.store
        record, runs = store.sweep_by_id(sweep.id), store.runs_of(sweep.id, "check")
        if not record.rounds or record.rounds[-1].stop is not Stop.TUNED:
            return None
        spec = load_sweep(record.source, name_of_text=record.name)
        vocab, tokens = int(runs[0].config["model"]["vocab"]), record.unique_tokens
        found = found_by(spec, DataFacts(record.dataset, vocab, tokens, tokens), trials_of(runs))
        definition = found.recipe_json(spec, f"{record.name}@{record.revision}")
        return TunedRecipe(name, write_recipe(self._workspace.home, name, definition), found, definition)


def unfinished(workspace: Workspace, sweep: SweepRecord) -> Iterator[str]:
    """Why a tuning has given no recipe, a line for each reason."""
    record = workspace.store.sweep_by_id(sweep.id)
    if record.rounds[-1].stop is not None:
        yield f"sweep {record.name}: {sentence(len(record.rounds) - 1, record.rounds[-1])}"
    elif record.held:
        yield f"sweep {record.name} is {record.on_hold}"
    for run in workspace.store.runs_of(record.id, "check"):
        if run.state in (RunState.FAILED, RunState.CANCELLED):
            yield f"trial {run.id} is {run.state}: {(run.error or 'no result').strip().splitlines()[-1]}"
    if record.open_ended:
        yield "the search has not ended: type the command again to continue"


def cells_of(planned: Planned) -> tuple[TuneCell, ...]:
    """The cells of a planned tuning, the one that is left out the last."""
    field = field_of(planned.spec, planned.data)
    return (*field.cells, field.left_out)


def tuning_name(sweep: str) -> str:
    """The name of a sweep's tuning: another than its own, which stays a handle on its grid."""
    return sweep[: 64 - len(SUFFIX)] + SUFFIX

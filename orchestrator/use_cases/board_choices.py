"""What a member could enter on a board: their finished runs that fit it, by recipe, and sweeps with a law to ask."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from model.config import RunConfig
from model.flops import count_parameters
from orchestrator.boards import LARGEST_FACTOR, BoardError, Metric, NewBoard
from orchestrator.people import Actor, Forbidden, Role
from orchestrator.states import RunState
from orchestrator.store import RunRecord
from orchestrator.use_cases.accounts import group_members
from orchestrator.use_cases.answering import handle
from orchestrator.use_cases.board_checks import data_hash, without_seed
from orchestrator.use_cases.workspace import Workspace

SWEEPS = 20
"""Latest sweeps of a member that are looked through."""
MOST = 50
"""Recipes or sweeps that are offered."""


@dataclass(frozen=True, slots=True)
class RunChoice:
    """Finished runs of one recipe, which differ by their seed alone."""

    runs: tuple[str, ...]
    """Their ids."""
    sweep: str
    """Sweep in which they were found."""
    params: int
    """Matmul parameters of each."""
    flops: float
    """Training FLOPs of each."""
    loss: float
    """Mean of their losses, nats per token."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a member could enter."""

    refusal: str = ""
    """Why they may enter nothing; empty if they may."""
    runs: tuple[RunChoice, ...] = ()
    """Runs that fit a board of runs, the lowest loss first."""
    sweeps: tuple[str, ...] = ()
    """Sweeps with finished runs on the data of a board of forecasts, the latest first."""


@dataclass(frozen=True, slots=True)
class OpeningChoices:
    """What an admin chooses from when they open a board, or decide one."""

    sweeps: tuple[str, ...]
    """Names of the latest sweeps."""
    groups: tuple[str, ...]
    """Groups with members."""


@dataclass
class _Found:
    """Recipes of one member."""

    by_recipe: dict[RunConfig, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    """Loss by the id of the run, by recipe."""
    sweeps: dict[RunConfig, str] = field(default_factory=dict)
    """Latest sweep that has the recipe."""
    flops: dict[RunConfig, float] = field(default_factory=dict)
    """Training FLOPs of one run."""


def choices_of(workspace: Workspace, name: str, by: Actor) -> Choices:
    """What somebody could enter on an open board; an entry is checked again. Raises NotFound."""
    if not by.role.covers(Role.SUBMITTER):
        return Choices(f"{by.name} has the role {by.role}: only submitters and admins enter a board")
    try:
        workspace.store.check_entry(name, by)
    except (BoardError, Forbidden) as error:
        return Choices(str(error))
    board = workspace.store.board(name).asked
    every = [each for each in workspace.store.sweeps() if each.user == by.name]
    latest = {each.name: each for each in reversed(every)}
    mine = [(handle(each, latest[each.name]), workspace.store.runs_of(each.id)) for each in every[:SWEEPS]]
    if board.metric is Metric.FORECAST:
        done = RunState.DONE
        on_data = [
            sweep for sweep, runs in mine if any(r.state is done and r.config["dataset"] == board.corpus for r in runs)
        ]
        return Choices(sweeps=tuple(on_data))
    return Choices(runs=_recipes(workspace, board, mine))


def opening_choices(workspace: Workspace, by: Actor) -> OpeningChoices | None:
    """What somebody chooses from when they open a board; None for whoever may not."""
    if not by.role.covers(Role.ADMIN):
        return None
    names = dict.fromkeys(each.name for each in workspace.store.sweeps())
    return OpeningChoices(tuple(names)[:MOST], tuple(sorted(filter(None, group_members(workspace)))))


def _recipes(
    workspace: Workspace, board: NewBoard, mine: Iterable[tuple[str, Iterable[RunRecord]]]
) -> tuple[RunChoice, ...]:
    """The recipes whose finished runs fit a board of runs."""
    found, hashes = _Found(), dict[str, str]()
    for sweep, runs in mine:
        for run in runs:
            if run.state is RunState.DONE and run.loss is not None and run.flops <= board.flops * LARGEST_FACTOR:
                dataset = run.config["dataset"]
                if dataset not in hashes:
                    hashes[dataset] = _hash(workspace, dataset)
                if hashes[dataset] == board.corpus:
                    recipe = without_seed(RunConfig.from_dict(run.config))
                    found.by_recipe[recipe][run.id] = run.loss
                    found.sweeps.setdefault(recipe, sweep)
                    found.flops[recipe] = run.flops
    made = [
        RunChoice(
            runs=tuple(losses),
            sweep=found.sweeps[recipe],
            params=count_parameters(recipe.model).matmul,
            flops=found.flops[recipe],
            loss=sum(losses.values()) / len(losses),
        )
        for recipe, losses in found.by_recipe.items()
    ]
    return tuple(sorted(made, key=lambda each: each.loss)[:MOST])


def _hash(workspace: Workspace, dataset: str) -> str:
    """The hash of a dataset's corpus; empty where the dataset is gone."""
    try:
        return data_hash(workspace, dataset, Metric.BITS)
    except BoardError:
        return ""

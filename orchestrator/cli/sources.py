"""Where a verb's law comes from: a sweep of this home, a table, or a wandb project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.opening import open_workspace
from tokenizer.errors import ExpectedError

if TYPE_CHECKING:
    from analysis.answers.ask import Question, Reply
    from analysis.figures import Forecast
    from analysis.law import Law
    from analysis.table.table import RunTable
    from orchestrator.use_cases.sweep_answers import SweepAnswers

MaybeSweep = Annotated[str | None, typer.Argument(metavar="[SWEEP]", help="Name of a sweep, or name@revision.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Table with a finished run a row, instead of a sweep.")]
Wandb = Annotated[str | None, typer.Option("--wandb", metavar="ENTITY/PROJECT", help="wandb project instead.")]
_KEY = "of the table, or config or summary key of the wandb runs (dotted for nested ones)."
FlopsKey = Annotated[str | None, typer.Option("--flops-key", help=f"Column of training FLOPs {_KEY}")]
ParamsKey = Annotated[str | None, typer.Option("--params-key", help=f"Column of parameters {_KEY}")]
TokensKey = Annotated[str | None, typer.Option("--tokens-key", help=f"Column of training tokens {_KEY}")]
LossKey = Annotated[str | None, typer.Option("--loss-key", help=f"Column of the final loss {_KEY}")]
States = Annotated[list[str] | None, typer.Option("--state", help="wandb state to use; repeatable. [finished]")]
Filter = Annotated[str | None, typer.Option("--filter", metavar="JSON", help="Query of the wandb runs to read.")]


QUANTITIES = ("flops", "params", "tokens", "loss")
"""What a fit reads, and the names of its columns unless others are given."""


def named_columns(*names: str | None) -> dict[str, str]:
    """The names given by flags, in the order of QUANTITIES, by quantity."""
    return {quantity: name for quantity, name in zip(QUANTITIES, names, strict=True) if name is not None}


@dataclass(frozen=True)
class Source:
    """What the options name; exactly one of sweep, csv and wandb."""

    sweep: str | None = None
    csv: Path | None = None
    wandb: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    """Names of columns or keys by quantity, where they are not the quantity's own."""
    states: tuple[str, ...] = ()
    filters: str | None = None
    variant: str = ""

    def __post_init__(self) -> None:
        given = [name for name in (self.sweep, self.csv, self.wandb) if name is not None]
        if len(given) != 1:
            raise typer.BadParameter("name one source: a sweep, a table with --csv, or a project with --wandb")
        if self.sweep is not None and self.columns:
            raise typer.BadParameter("columns are named for --csv and --wandb only: a sweep's are known")
        if self.wandb is None and (self.states or self.filters):
            raise typer.BadParameter("--state and --filter choose among wandb runs: give --wandb")
        if self.sweep is None and self.variant:
            raise typer.BadParameter("--variant chooses among a sweep's laws: name a sweep")

    @cached_property
    def answers(self) -> SweepAnswers:
        """What the sweep's runs answer, read once."""
        from orchestrator.use_cases.answering import Answering

        assert self.sweep is not None
        return Answering(open_workspace()).of(self.sweep)

    @property
    def title(self) -> str:
        """What a chart calls the source: the sweep with its variant, the table's file, or the wandb project."""
        return f"{self.sweep} {self.variant}".strip() if self.sweep else self.csv.stem if self.csv else self.wandb or ""

    def law(self) -> Law:
        """The law. Raises LawError, NotFound, WandbError."""
        if self.sweep is not None:
            return self.answers.law(self.variant)
        from analysis.law import fit

        return fit(self._table())

    def forecasts(self) -> list[Forecast]:
        """The forecasts stored for a sweep; a table has none."""
        if self.sweep is None:
            return []
        from analysis.figures import Forecast

        return [Forecast.of(record) for record in self.answers.forecasts]

    def reply(self, question: Question) -> Reply:
        """The reply to a question, with the recipe's shapes where the source is a sweep."""
        question.check()
        if self.sweep is not None:
            return self.answers.reply(self.variant, question)
        from analysis.answers.ask import ask

        return ask(self.law(), question, self._counts())

    def _table(self) -> RunTable:
        if self.wandb is not None:
            from orchestrator.tracking.wandb_project import read_project

            keys = {name: self.columns.get(name, name) for name in QUANTITIES}
            return read_project(self.wandb, keys, states=self.states or ("finished",), filters=self._query())
        return read_table(self.csv, self.columns)

    def _query(self) -> dict[str, Any]:
        try:
            query = json.loads(self.filters or "{}")
        except ValueError as error:
            raise typer.BadParameter(f"--filter is no JSON: {error}") from error
        if not isinstance(query, dict):
            raise typer.BadParameter('--filter must be a JSON object such as {"group": "isoflop"}')
        return query

    def _counts(self) -> Any:
        if self.csv is None:
            return None
        from analysis.answers.counts import Counts
        from analysis.table.csvfile import read_frame

        return Counts.from_frame(read_frame(self.csv), self.columns.get("params", "params"))


class TableError(ExpectedError, ValueError):
    """A table cannot be read: wrong usage, other than a good table that gives no law."""

    kind = "table"


def read_table(csv: Path | None, names: Mapping[str, str]) -> RunTable:
    """The table of a CSV. Raises TableError where it is none."""
    from analysis.records import LawError
    from analysis.table.table import RunTable

    if csv is None or not csv.is_file():
        raise typer.BadParameter(f"{csv}: no such file")
    try:
        return RunTable.read_csv(csv, **names)
    except LawError as error:
        raise TableError(str(error)) from error

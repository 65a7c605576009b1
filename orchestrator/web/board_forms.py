"""The forms of boards: what was typed into each field, what is wrong with it, and the numbers that it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.records import QuestionError
from analysis.wording import format_count, format_flops, format_loss, plural
from orchestrator.boards import BoardError, Forecast
from orchestrator.use_cases.board_choices import Choices, RunChoice
from orchestrator.web.typed import positive_number, typed_number

_NUMBERS = {
    "params": ("Parameters N", "a number of parameters", "1.8e4"),
    "tokens": ("Tokens D", "a number of tokens", "120 k"),
    "loss": ("Loss", "a loss in nats per token", "3.1"),
    "low": ("Low end, 95 %", "the lower end of the interval", "3.0"),
    "high": ("High end, 95 %", "the upper end of the interval", "3.2"),
}
"""The numbers of a forecast: what the field is called, what is typed into it, and an example."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form."""

    name: str
    """What the form calls it."""
    label: str
    """What a person reads beside it."""
    example: str
    """What could be typed."""
    value: str = ""
    """What was typed."""
    problem: str = ""
    """What is wrong with it; empty if nothing is."""
    required: bool = True
    """Whether it may not be left empty."""
    listed: str = ""
    """Id of the list that it proposes from; empty without one."""


@dataclass(frozen=True, slots=True)
class Option:
    """A line of a list to choose from."""

    value: str
    """What the form sends."""
    text: str
    """What a person reads."""
    chosen: bool
    """Whether it was chosen."""


@dataclass(frozen=True, slots=True)
class TypedEntry:
    """What was typed into a board's forms; empty fields were left out."""

    fields: Mapping[str, str]
    """Text by the name of the field."""

    @property
    def part(self) -> str:
        """The form that was sent: runs, sweep or forecast."""
        return next((name for name in ("runs", "sweep") if name in self.fields), "forecast")

    def problems(self) -> Mapping[str, str]:
        """What is wrong with the numbers of a forecast, by the name of the field."""
        found: dict[str, str] = {}
        for name, (_, what, example) in _NUMBERS.items():
            try:
                positive_number(self.fields.get(name, ""), what, example)
            except QuestionError as error:
                found[name] = str(error) if self.fields.get(name) else f"type {what}, such as {example}"
        if not found:
            try:
                Forecast(**self.numbers()).check()
            except BoardError as error:
                found["low"] = str(error)
        return found

    def numbers(self) -> dict[str, float]:
        """The numbers of a forecast. Raises QuestionError for what is no number."""
        return {name: typed_number(self.fields[name], *more[1:]) for name, more in _NUMBERS.items()}


@dataclass(frozen=True, slots=True)
class EntryForms:
    """What a member may enter, and what they typed."""

    refusal: str
    """Why they may enter nothing; empty if they may."""
    runs: Sequence[Option]
    """Their finished runs that fit, by recipe."""
    sweeps: Sequence[Option]
    """Their sweeps whose law can be asked."""
    forecast: Sequence[Field]
    """The numbers of a forecast."""
    part: str
    """The form that was sent; empty if none was."""
    problem: str
    """Why it was refused; empty if it was not, or where a field says it."""


@dataclass(frozen=True, slots=True)
class Steering:
    """The forms by which an admin closes or decides a board, and what they typed."""

    sweeps: Sequence[str]
    """Sweeps to choose from."""
    sweep: Field
    """The sweep that decides."""
    problem: str
    """Why the board was not closed; empty if it was, or nobody asked."""


def steering_forms(sweeps: Sequence[str], typed: str | None = None, problem: str = "") -> Steering:
    """The forms, with the sweep that was typed; None where the board was to be closed; and why it was refused."""
    wrong = "" if typed is None else problem
    field = Field("sweep", "Sweep with runs at that budget", "truth", typed or "", wrong, listed="known-sweeps")
    return Steering(sweeps, field, problem if typed is None else "")


def entry_forms(choices: Choices, typed: TypedEntry | None = None, problem: str = "") -> EntryForms:
    """The forms for what a member could enter, with what was typed into them, and why it was refused."""
    fields = typed.fields if typed else {}
    wrong = typed.problems() if typed and typed.part == "forecast" else {}
    return EntryForms(
        refusal=choices.refusal,
        runs=[_run_option(each, fields.get("runs", "")) for each in choices.runs],
        sweeps=[Option(each, each, each == fields.get("sweep")) for each in choices.sweeps],
        forecast=[
            Field(name, label, example, fields.get(name, ""), wrong.get(name, ""))
            for name, (label, _, example) in _NUMBERS.items()
        ],
        part=typed.part if typed else "",
        problem=problem,
    )


def _run_option(choice: RunChoice, chosen: str) -> Option:
    """Runs of one recipe in a line."""
    value = " ".join(choice.runs)
    seeds = plural(len(choice.runs), "seed")
    text = (
        f"{choice.sweep}: N {format_count(choice.params)}, {format_flops(choice.flops)} FLOPs, {seeds}, "
        f"loss {format_loss(choice.loss)}"
    )
    return Option(value, text, value == chosen)

"""Groups of options: a function's parameters take the place of the one value that it builds."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import pytest
import typer
from typer.testing import CliRunner

from orchestrator.cli import options
from orchestrator.cli.options import expand

if TYPE_CHECKING:
    from nowhere import Unloaded


@dataclass(frozen=True)
class Pair:
    """Two numbers."""

    first: int
    second: int


def pair_of(
    first: Annotated[int, typer.Option("--first")] = 1, second: Annotated[int, typer.Option("--second")] = 2
) -> Pair:
    return Pair(first, second)


def unloaded_of(word: Annotated[str, typer.Argument()]) -> Unloaded:
    return word.upper()


@expand(pair=pair_of, thing=unloaded_of)
def verb(thing: Unloaded, pair: Pair, third: Annotated[int, typer.Option("--third")] = 3) -> None:
    """Say what was given."""
    typer.echo(f"{thing} {pair.first} {pair.second} {third}")


def test_the_options_of_a_group_build_one_value() -> None:
    app = typer.Typer()
    app.command()(verb)
    assert CliRunner().invoke(app, ["w"]).output == "W 1 2 3\n"
    assert CliRunner().invoke(app, ["w", "--second", "9", "--third", "8"]).output == "W 1 9 8\n"
    assert CliRunner().invoke(app, ["w", "--first", "x"]).exit_code == 2


def test_a_group_stands_where_its_value_stood() -> None:
    assert list(inspect.signature(verb).parameters) == ["word", "first", "second", "third"]
    assert verb.__doc__ == "Say what was given."
    assert verb.__name__ == "verb"


@pytest.mark.parametrize(
    ("option", "names"),
    [
        ("Output", ("-o", "--output")),
        ("Verbose", ("-v", "--verbose")),
        ("Variant", ("--variant",)),
        ("Csv", ("--csv",)),
        ("LossKey", ("--loss-key",)),
        ("DeviceTflops", ("--device-tflops",)),
    ],
)
def test_options_have_their_names(option: str, names: tuple[str, ...]) -> None:
    (information,) = getattr(options, option).__metadata__
    assert (information.default, *information.param_decls) == names

"""Every option and argument that more than one verb takes, and how several of them become one value."""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable, Container
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, get_type_hints

import typer

from orchestrator.cli.output import Format

SweepFile = Annotated[str, typer.Argument(metavar="SWEEP.yaml", help="Sweep file, or the name of a built-in sweep.")]
SweepName = Annotated[str, typer.Argument(metavar="SWEEP", help="Name of a sweep, or name@revision.")]
MaybeSweep = Annotated[str | None, typer.Argument(metavar="SWEEP", help="Name of a sweep, or name@revision.")]
Overrides = Annotated[list[str] | None, typer.Argument(metavar="key=value", help="Keys of the sweep to replace.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, or the beginning of one.")]

SweepLossKey = Annotated[
    str,
    typer.Option("--loss-key", help="Loss to forecast, such as loss.code. Default: loss."),
]

Output = Annotated[Format, typer.Option("-o", "--output", help="Form of the result.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show every estimator, exponent, refusal and note.")]
Rerun = Annotated[bool, typer.Option("--rerun", help="Train finished runs again, too.")]
Variant = Annotated[str, typer.Option("--variant", help="Which combination of varied values: axis=value,…")]
Published = Annotated[bool, typer.Option("--published", help="Show what published laws say of the budget, too.")]
Chart = Annotated[Path | None, typer.Option("--out", help="Chart to write: .html, .png, .svg or .pdf.")]

Csv = Annotated[
    Path | None, typer.Option("--csv", help="Table with one finished run per row, instead of a sweep; - for stdin.")
]
Where = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="COLUMN=VALUE", help="Rows or wandb runs to use; repeatable."),
]
Wandb = Annotated[
    str | None, typer.Option("--wandb", metavar="ENTITY/PROJECT", help="wandb project, instead of a sweep.")
]
_LOSS_KEY = "of the table, key of the wandb runs, or loss of the sweep's runs, such as loss.code."
_KEY = "of the table, or config or summary key of the wandb runs (dotted for nested ones)."
FlopsKey = Annotated[str | None, typer.Option("--flops-key", help=f"Column of training FLOPs {_KEY}")]
ParamsKey = Annotated[str | None, typer.Option("--params-key", help=f"Column of parameters {_KEY}")]
TokensKey = Annotated[str | None, typer.Option("--tokens-key", help=f"Column of training tokens {_KEY}")]
LossKey = Annotated[str | None, typer.Option("--loss-key", help=f"Column of the final loss {_LOSS_KEY}")]
States = Annotated[list[str] | None, typer.Option("--state", help="wandb state to use; repeatable. Default: finished.")]
Filter = Annotated[str | None, typer.Option("--filter", metavar="JSON", help="Query of the wandb runs to read.")]

Device = Annotated[str | None, typer.Option("--device", help="Show GPU-hours of this device: h100, a100, …")]
Mfu = Annotated[float | None, typer.Option("--mfu", help="Share of the device's peak reached. Default: 0.4.")]
DeviceTflops = Annotated[
    float | None, typer.Option("--device-tflops", help="Dense 16-bit peak of a device that isoflop does not know.")
]

ASKED = ("flops", "gpu_hours", "loss", "params", "tokens", "too_small", "max_tokens", "inference_tokens")
"""Parts of a question to a law by their names in REST and Python."""
_PARTS = re.compile(f"`({'|'.join((*ASKED, 'device', 'device_tflops', 'mfu'))})`")


def as_options(message: str) -> str:
    """A message in which the parts of a question, in backticks, are the options that give them."""
    return _PARTS.sub(lambda found: f"--{found[1].replace('_', '-')}", message)


def check_positive(option: str, *values: float | None) -> None:
    """Refuse what is given and is no positive number. Raises BadParameter."""
    for value in values:
        if value is not None and not 0 < value < math.inf:
            raise typer.BadParameter(f"{value:g} is not a positive number", param_hint=option)


Verb = Callable[..., None]


def expand(**builders: Callable[..., Any]) -> Callable[[Verb], Verb]:
    """Replace parameters of a verb by the options of the function that builds each.

    `@expand(source=source_of)` gives `verb(source, …)` the parameters of `source_of` in place of `source`, and calls
    it with what `source_of` returns. So a group of options is written once, and each verb gets one typed value.
    """

    groups = {name: _parameters(build) for name, build in builders.items()}

    def decorate(verb: Verb) -> Verb:
        own = _parameters(verb, without=groups)
        parameters: list[inspect.Parameter] = []
        for name in inspect.signature(verb).parameters:
            parameters += groups[name].values() if name in groups else [own[name]]

        @functools.wraps(verb)
        def command(**given: Any) -> None:
            built = {name: build(**{key: given.pop(key) for key in groups[name]}) for name, build in builders.items()}
            verb(**built, **given)

        keywords = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
        command.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return command

    return decorate


def _parameters(function: Callable[..., Any], without: Container[str] = ()) -> dict[str, inspect.Parameter]:
    """A function's parameters with their types as objects.

    Its result, and the parameters `without`, may be of types that are not loaded.
    """
    names = [name for name in inspect.signature(function).parameters if name not in without]
    written = {name: function.__annotations__[name] for name in names}
    holder = SimpleNamespace(__annotations__=written)
    hints = get_type_hints(holder, function.__globals__, include_extras=True)
    found = inspect.signature(function).parameters
    return {name: found[name].replace(annotation=hints[name]) for name in names}

"""The verbs that answer: fit, predict, plot. With --csv they need nothing but the file."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import options
from orchestrator.cli.destination import check_destination, write_text
from orchestrator.cli.options import Output, Published, Verbose
from orchestrator.cli.output import Format, emit_json, emit_rows, print_lines, print_text, say, width_of
from orchestrator.cli.sources import Source, source_of
from sweeps.programs.program import Program

if TYPE_CHECKING:
    from analysis.answers.ask import Question, Reply
    from analysis.devices import Hardware
    from analysis.law import Law


class Picture(StrEnum):
    """The charts of `analysis.figures.PICTURES`."""

    OVERVIEW = "overview"
    ISOFLOP = "isoflop"
    SCALING = "scaling"
    CONTOUR = "contour"
    RESIDUALS = "residuals"
    ESTIMATORS = "estimators"
    HOLDOUT = "holdout"
    NGRAMS = "ngrams"
    FORECASTS = "forecasts"
    ALL = "all"


@options.expand(source=source_of)
def fit(
    source: Source,
    published: Published = False,
    verbose: Verbose = False,
    output: Output = Format.TABLE,
) -> None:
    """Fit the laws and answer at 1, 3 and 10 times the largest budget.

    Shows the best N, its tokens and loss with intervals, the exponent, and how far to trust them; with -v each
    estimator, exponent and refusal.
    """
    from analysis.answers.serial import fit_json, minima_rows

    law = source.law
    if output is Format.JSON:
        emit_json(fit_json(law))
    elif output is Format.CSV:
        emit_rows(minima_rows(law), ["flops", "estimator", "params", "tokens", "loss"], output)
    else:
        print_lines(_fit_lines(source, law, published=published, verbose=verbose))
    if not law.estimators:
        raise typer.Exit(1)


def _fit_lines(source: Source, law: Law, *, published: bool, verbose: bool) -> Iterator[str]:
    """A fit in full where that is wanted, then its answer."""
    from analysis.wording import typed_flops
    from orchestrator.cli.answer_summary import Pointers, next_budget, summary, table_budgets
    from orchestrator.cli.answer_text import describe, describe_published
    from orchestrator.use_cases.trust import STEP

    if verbose:
        yield from describe(law)
    if published:
        yield from describe_published(law.largest_budget)
    if verbose or published:
        yield ""
    words = shlex.join(source.arguments)
    verb, multiple = ("validate", STEP) if source.sweep else ("predict", 10 * STEP)
    following = f"isoflop plot {words} --out {_file_name(source)}.svg"
    budget = next_budget(law, multiple)
    if budget is not None:
        following = f"isoflop {verb} {words} --flops {typed_flops(budget)}"
    pointers = Pointers(f"isoflop fit {words} -v", following)
    yield from summary(law, table_budgets(law), source.facts(), pointers, width=width_of(sys.stdout))


def hardware_of(
    device: options.Device = None, mfu: options.Mfu = None, device_tflops: options.DeviceTflops = None
) -> Hardware | None:
    """The device that the options name; None where they name none. Raises BadParameter."""
    from analysis.devices import hardware

    if device is None and device_tflops is None:
        if mfu is not None:
            raise typer.BadParameter("--mfu needs --device or --device-tflops")
        return None
    return hardware(device or "", utilisation=mfu, tflops=device_tflops)


def question_of(
    flops: Annotated[float | None, typer.Option("--flops", help="Training budget C in FLOPs.")] = None,
    gpu_hours: Annotated[
        float | None, typer.Option("--gpu-hours", help="The budget in hours of --device, instead.")
    ] = None,
    loss: Annotated[
        float | None, typer.Option("--loss", help="Ask for the budget that reaches this loss, instead.")
    ] = None,
    params: Annotated[float | None, typer.Option("--params", help="Ask what a model of N parameters reaches.")] = None,
    tokens: Annotated[float | None, typer.Option("--tokens", help="With --params: trained on D tokens.")] = None,
    too_small: Annotated[
        float | None,
        typer.Option("--too-small", help="Ask what a model smaller than the optimum by this factor costs."),
    ] = None,
    max_tokens: Annotated[
        float | None, typer.Option("--max-tokens", help="Ask for the best model on this many unique tokens.")
    ] = None,
    inference_tokens: Annotated[
        float | None,
        typer.Option("--inference-tokens", help="Ask for the cheapest model if inference on this many tokens follows."),
    ] = None,
    device: options.Device = None,
    mfu: options.Mfu = None,
    device_tflops: options.DeviceTflops = None,
) -> Question:
    """The question that the options ask. Raises QuestionError, BadParameter."""
    from analysis.answers.ask import Question

    hardware = hardware_of(device, mfu, device_tflops)
    question = Question(flops, gpu_hours, loss, params, tokens, too_small, max_tokens, inference_tokens, hardware)
    question.check()
    return question


@options.expand(source=source_of, question=question_of)
def predict(
    source: Source,
    question: Question,
    published: Published = False,
    verbose: Verbose = False,
    config: Annotated[
        Program | None,
        typer.Option("--config", help="Print the answer as the configuration of this program, instead."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="With --config: the file to write it to.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Say which model is best at a budget, and what loss it reaches.

    The budget may be FLOPs, GPU-hours, a loss to reach, or a model with its tokens; one constraint may be added.
    """
    from analysis.answers.ask import reply_json

    if config is not None:
        _configure(source, question, config, out, output)
        return
    if out is not None:
        raise typer.BadParameter("--out needs --config: it is the file of the configuration")
    reply = source.reply(question)
    if output is Format.TABLE:
        print_lines(_reply_lines(source, reply, published=published, verbose=verbose))
        return
    document = reply_json(reply)
    if output is Format.JSON:
        emit_json(document)
    else:
        flat = dict(_flat(document))
        emit_rows([flat], list(flat), output)


def _configure(source: Source, question: Question, program: Program, out: Path | None, output: Format) -> None:
    """Print or write the answer as a program's configuration. Raises BadParameter."""
    from orchestrator.use_cases.configured import configured

    if source.sweep is None:
        raise typer.BadParameter("--config needs a sweep: a table has no recipe that gives shape, batch and rates")
    if output is not Format.TABLE:
        raise typer.BadParameter(f"--config prints the program's own format: leave out -o {output}")
    if out is not None:
        check_destination("--out", out)
    question.check()
    text = configured(source.answers, source.variant, question, program)
    if out is None:
        print_text(text)
        return
    write_text(out, text)
    say(f"written: {out}")


def _reply_lines(source: Source, reply: Reply, *, published: bool, verbose: bool) -> Iterator[str]:
    """A reply in full where that is wanted, then its answer."""
    from analysis.wording import typed_flops
    from orchestrator.cli.answer_summary import Pointers, summary
    from orchestrator.cli.answer_text import describe_prediction, describe_published, reply_lines

    p, words = reply.prediction, shlex.join(source.arguments)
    if verbose:
        yield from describe_prediction(p)
    if published:
        yield from describe_published(p.flops)
    if verbose or published:
        yield ""
    following = f"isoflop plot {words} --out {_file_name(source)}.svg"
    if source.sweep and p.extrapolation > 1:
        following = f"isoflop validate {words} --flops {typed_flops(min(p.flops, 10 * p.largest_budget))}"
    pointers = Pointers(f"isoflop predict {words} --flops {typed_flops(p.flops)} -v", following)
    yield from summary(source.law, [p], source.facts(), pointers, answer=reply_lines(reply), width=width_of(sys.stdout))


def _flat(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """One row: intervals as two columns, nested records by dotted names, other lists left out."""
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif key.endswith("interval") and value is not None:
            yield from zip((f"{prefix}{key}_low", f"{prefix}{key}_high"), value, strict=True)
        elif not isinstance(value, list):
            yield prefix + key, value


def _file_name(source: Source) -> str:
    """The name of a chart's file as one types it, without its ending."""
    return shlex.quote(Path(source.sweep or source.title).name)


@options.expand(source=source_of)
def plot(
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="File to write: .html, .png, .svg or .pdf.")],
    chart: Annotated[Picture, typer.Option("--chart", help="Which chart to draw.")] = Picture.OVERVIEW,
    published: Annotated[bool, typer.Option("--published", help="Draw published laws next to yours, too.")] = False,
) -> None:
    """Write a law's charts to a file."""
    from analysis.answers.published import PUBLISHED
    from analysis.figures import picture, save

    check_destination("--out", out, makes_folders=True)
    others = tuple(PUBLISHED.values()) if published else ()
    save(picture(chart, source.law, source.forecasts(), name=source.title, published=others), out)
    say(f"written: {out}")

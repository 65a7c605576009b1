"""The verbs that answer: fit, predict, plot. With --csv they need nothing but the file."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import sources
from orchestrator.cli.output import Format, emit_json, emit_rows, say
from orchestrator.cli.planning import Output, Variant
from orchestrator.cli.sources import Source

if TYPE_CHECKING:
    from analysis.devices import Hardware

Published = Annotated[bool, typer.Option("--published", help="Show what published laws say of the budget, too.")]


class Picture(StrEnum):
    """The charts of `analysis.figures.PICTURES`."""

    OVERVIEW = "overview"
    ISOFLOP = "isoflop"
    SCALING = "scaling"
    CONTOUR = "contour"
    RESIDUALS = "residuals"
    ESTIMATORS = "estimators"
    FORECASTS = "forecasts"
    ALL = "all"


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(fit)
    app.command()(predict)
    app.command()(plot)


def fit(
    sweep: sources.MaybeSweep = None,
    csv: sources.Csv = None,
    wandb: sources.Wandb = None,
    flops_key: sources.FlopsKey = None,
    params_key: sources.ParamsKey = None,
    tokens_key: sources.TokensKey = None,
    loss_key: sources.LossKey = None,
    state: sources.States = None,
    query: sources.Filter = None,
    variant: Variant = "",
    published: Published = False,
    output: Output = Format.TABLE,
) -> None:
    """Fit the IsoFLOP curves and the laws; show every estimator and every refusal."""
    from analysis.answers.serial import fit_json
    from orchestrator.cli.answer_text import describe, describe_published

    columns = sources.named_columns(flops_key, params_key, tokens_key, loss_key)
    law = Source(sweep, csv, wandb, columns, tuple(state or ()), query, variant).law()
    if output is Format.JSON:
        emit_json(fit_json(law))
    elif output is Format.CSV:
        rows = [
            {"flops": c.flops, "estimator": m.estimator, "params": m.params, "tokens": m.tokens, "loss": m.loss}
            for c in law.curves
            for m in c.minima
        ]
        emit_rows(rows, ["flops", "estimator", "params", "tokens", "loss"], output)
    else:
        beside = describe_published(law.largest_budget) if published else []
        for line in describe(law, []) + beside:
            typer.echo(line)
    if not law.estimators:
        raise typer.Exit(1)


def predict(
    sweep: sources.MaybeSweep = None,
    csv: sources.Csv = None,
    wandb: sources.Wandb = None,
    flops: Annotated[float | None, typer.Option("--flops", help="Training budget C in FLOPs.")] = None,
    gpu_hours: Annotated[
        float | None, typer.Option("--gpu-hours", help="The budget as hours on the --device instead.")
    ] = None,
    loss: Annotated[float | None, typer.Option("--loss", help="Ask for the budget that reaches this loss.")] = None,
    params: Annotated[float | None, typer.Option("--params", help="Ask what a model of N parameters reaches.")] = None,
    tokens: Annotated[float | None, typer.Option("--tokens", help="With --params: trained on D tokens.")] = None,
    too_small: Annotated[
        float | None, typer.Option("--too-small", help="Ask what a model so many times too small costs.")
    ] = None,
    max_tokens: Annotated[float | None, typer.Option("--max-tokens", help="Only so many unique tokens exist.")] = None,
    inference_tokens: Annotated[
        float | None, typer.Option("--inference-tokens", help="So many tokens of inference follow.")
    ] = None,
    device: Annotated[str | None, typer.Option("--device", help="Show GPU-hours of this device: h100, a100, …")] = None,
    mfu: Annotated[float | None, typer.Option("--mfu", help="Share of the device's peak reached. [0.4]")] = None,
    device_tflops: Annotated[
        float | None, typer.Option("--device-tflops", help="Dense 16-bit peak of a device that is not known.")
    ] = None,
    flops_key: sources.FlopsKey = None,
    params_key: sources.ParamsKey = None,
    tokens_key: sources.TokensKey = None,
    loss_key: sources.LossKey = None,
    state: sources.States = None,
    query: sources.Filter = None,
    variant: Variant = "",
    published: Published = False,
    output: Output = Format.TABLE,
) -> None:
    """Answer: which model at this budget, and what loss will it reach, within which interval?"""
    from analysis.answers.ask import Question, reply_json
    from orchestrator.cli.answer_text import describe_reply

    question = Question(
        flops, gpu_hours, loss, params, tokens, too_small, max_tokens, inference_tokens,
        _hardware(device, mfu, device_tflops),
    )  # fmt: skip
    question.check()
    columns = sources.named_columns(flops_key, params_key, tokens_key, loss_key)
    reply = Source(sweep, csv, wandb, columns, tuple(state or ()), query, variant).reply(question)
    if output is Format.TABLE:
        for line in describe_reply(reply, published=published):
            typer.echo(line)
        return
    document = reply_json(reply)
    if output is Format.JSON:
        emit_json(document)
    else:
        flat = dict(_flat(document))
        emit_rows([flat], list(flat), output)


def _flat(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """One row: intervals as two columns, nested records by dotted names, other lists left out."""
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif key.endswith("interval") and value is not None:
            yield from zip((f"{prefix}{key}_low", f"{prefix}{key}_high"), value, strict=True)
        elif not isinstance(value, list):
            yield prefix + key, value


def _hardware(device: str | None, mfu: float | None, tflops: float | None) -> Hardware | None:
    """The device asked for, None where none is."""
    from analysis.devices import hardware

    if device is None and tflops is None:
        if mfu is not None:
            raise typer.BadParameter("--mfu is of a device: give --device or --device-tflops")
        return None
    return hardware(device or "", utilisation=mfu, tflops=tflops)


def plot(
    out: Annotated[Path, typer.Option("--out", help="File to write: .html, .png, .svg or .pdf.")],
    sweep: sources.MaybeSweep = None,
    csv: sources.Csv = None,
    wandb: sources.Wandb = None,
    flops_key: sources.FlopsKey = None,
    params_key: sources.ParamsKey = None,
    tokens_key: sources.TokensKey = None,
    loss_key: sources.LossKey = None,
    state: sources.States = None,
    query: sources.Filter = None,
    variant: Variant = "",
    chart: Annotated[Picture, typer.Option("--chart", help="Which chart to draw.")] = Picture.OVERVIEW,
    published: Annotated[bool, typer.Option("--published", help="Draw published laws next to yours, too.")] = False,
) -> None:
    """Draw a law: its IsoFLOP curves, N* and D* against compute, or the chart that --chart names."""
    from analysis.answers.published import PUBLISHED
    from analysis.figures import picture, save

    columns = sources.named_columns(flops_key, params_key, tokens_key, loss_key)
    source = Source(sweep, csv, wandb, columns, tuple(state or ()), query, variant)
    others = tuple(PUBLISHED.values()) if published else ()
    save(picture(chart, source.law(), source.forecasts(), name=source.title, published=others), out)
    say(f"written: {out}")

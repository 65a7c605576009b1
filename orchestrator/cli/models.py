"""The verbs about one model: profile a training step, sample from a trained run, convert it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model.config import ModelConfig, RunConfig, TrainConfig
from orchestrator.cli.destination import check_destination
from orchestrator.cli.opening import open_workspace
from orchestrator.cli.options import Output, RunId
from orchestrator.cli.output import Format, emit_json, emit_rows, print_text, say
from orchestrator.cli.planning import sweep_path

if TYPE_CHECKING:
    from model.profile import Profile

MOST = 1_000_000
"""Largest dimension of a model, and most tokens of a sample."""


def profile(
    sweep: Annotated[
        str | None,
        typer.Argument(metavar="SWEEP.yaml", help="Profile a run of this sweep."),
    ] = None,
    overrides: Annotated[list[str] | None, typer.Argument(metavar="key=value", help="Keys to replace.")] = None,
    cell: Annotated[int | None, typer.Option("--cell", help="Which run of the plan, from 0.")] = None,
    width: Annotated[
        int, typer.Option("--width", min=1, max=MOST, help="Without a sweep: width of the model, d_model.")
    ] = 64,
    layers: Annotated[int, typer.Option("--layers", min=1, max=MOST, help="Blocks.")] = 4,
    heads: Annotated[int, typer.Option("--heads", min=1, max=MOST, help="Attention heads.")] = 2,
    ff: Annotated[
        int | None, typer.Option("--ff", min=1, max=MOST, help="Width of the MLP. Default: 8/3 of --width.")
    ] = None,
    vocab: Annotated[int, typer.Option("--vocab", min=2, max=MOST, help="Entries of the vocabulary.")] = 2048,
    context: Annotated[int, typer.Option("--context", min=2, max=MOST, help="Tokens of a sequence.")] = 256,
    batch: Annotated[int, typer.Option("--batch", min=1, max=MOST, help="Sequences of a step.")] = 16,
    numerics: Annotated[str, typer.Option("--numerics", help="Numerics profile: fp32 | bf16.")] = "fp32",
    device: Annotated[str, typer.Option("--device", help="cpu, cuda or cuda:N.")] = "cpu",
    trace: Annotated[Path | None, typer.Option("--trace", help="Write a trace for ui.perfetto.dev here.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Measure a training step, by component.

    Shows tokens per second, the share of the measured peak, and the time of each component.
    """
    from model.profile import profile as measure

    if trace is not None:
        check_destination("--trace", trace)
    if sweep is None:
        _check_device(device)
        model = ModelConfig(vocab, context, width, layers, heads, ff or round(width * 8 / 3))
        run = RunConfig(model, TrainConfig(sequences=batch * 10_000, batch=batch, lr=1e-3, numerics=numerics), "")
    else:
        run, device = _planned(sweep, overrides or [], cell)
    say(f"measuring {_shape(run)} on {device}; this takes some seconds")
    try:
        measured = measure(run, device, trace=trace)
    except (MemoryError, RuntimeError) as error:
        if "memory" not in f"{error}":
            raise
        raise typer.BadParameter("the model does not fit into memory: make it or --batch smaller") from error
    _show(measured, output)
    if trace is not None:
        say(f"trace written to {trace}; open it in ui.perfetto.dev")


def _check_device(device: str) -> None:
    """Refuse a device that this machine does not have. Raises BadParameter."""
    from model.hardware import gpu_names

    kind, _, number = device.partition(":")
    known = kind in ("cpu", "cuda") and (not number or re.fullmatch("[0-9]{1,3}", number) is not None)
    if not known or (kind == "cuda" and int(number or 0) >= len(gpu_names())) or (kind == "cpu" and number):
        raise typer.BadParameter(
            f"this machine has no device {device!r}: give cpu, cuda or cuda:N", param_hint="--device"
        )


def _planned(sweep: str, overrides: list[str], cell: int | None) -> tuple[RunConfig, str]:
    from orchestrator.use_cases.planning import Planning

    planned = Planning(open_workspace()).plan(sweep_path(sweep), overrides)
    runs = planned.plan.runs
    if not runs:
        raise typer.BadParameter("the plan has no runs")
    index = len(runs) // 2 if cell is None else cell
    if not 0 <= index < len(runs):
        raise typer.BadParameter(f"--cell is {index}: the plan has the runs 0 to {len(runs) - 1}")
    return runs[index].run, planned.device


def _shape(run: RunConfig) -> str:
    from sweeps.plan.plan import describe

    step = f"{run.train.batch} × {run.model.context} tokens per step, {run.train.numerics}"
    return f"{describe(run.model)}, vocabulary {run.model.vocab}, {step}"


def _show(measured: Profile, output: Format) -> None:
    if measured.mfu is None:
        say(
            f"no MFU: the step ran faster than the {measured.matmul_peak / 1e9:.0f} GFLOP/s of matrix products, whose "
            "measurement has failed therefore; profile again while nothing else runs"
        )
    if output is Format.JSON:
        emit_json(measured.to_dict())
        return
    rows = [
        {
            "component": name,
            "ms": round(1e3 * seconds, 3),
            "share": round(seconds / measured.traced_step_seconds, 4),
        }
        for name, seconds in measured.seconds.items()
    ]
    emit_rows(rows, ["component", "ms", "share"], output, "Time of a traced step")
    if output is Format.TABLE:
        memory = "" if measured.memory_bytes is None else f", {measured.memory_bytes / 2**30:.2f} GiB of tensors"
        how = measured.implementation
        compiled = ", compiled" if how.compiled else ""
        share = "MFU unknown" if measured.mfu is None else f"MFU {measured.mfu:.0%}"
        say(
            f"{measured.device_name}: {1e3 * measured.step_seconds:.2f} ms per step, "
            f"{measured.tokens_per_second:,.0f} tokens/s, {measured.flops_per_second / 1e9:.1f} GFLOP/s, "
            f"{share} of {measured.matmul_peak / 1e9:.0f} GFLOP/s{memory} "
            f"({how.attention} attention, {how.branches} branches, {how.head} head{compiled})"
        )


def sample(
    run: RunId,
    prompt: Annotated[str, typer.Option("--prompt", help="Text to continue.")] = "",
    tokens: Annotated[int, typer.Option("--tokens", min=1, max=MOST, help="Tokens to draw.")] = 200,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0, max=1_000, help="0 always takes the likeliest token.")
    ] = 0.8,
    top_k: Annotated[
        int | None, typer.Option("--top-k", min=1, max=MOST, help="Draw only from this many of the likeliest tokens.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of the draw.")] = 0,
    output: Output = Format.TABLE,
) -> None:
    """Continue a text with a trained model."""
    from model.sample import generate, load_trained
    from orchestrator.use_cases.trained_models import finished_run, tokenizer_of, weights_of

    workspace = open_workspace(reading=True)
    record = finished_run(workspace, run)
    model, config = load_trained(weights_of(workspace, record))
    tokenizer = tokenizer_of(workspace, config.dataset)
    ids = [tokenizer.bos_id, *tokenizer.encode(prompt)]
    drawn = list(generate(model, ids, tokens, temperature=temperature, top_k=top_k, seed=seed))
    text = tokenizer.decode(drawn)
    if output is Format.JSON:
        emit_json({"run": record.id, "prompt": prompt, "text": text, "tokens": drawn})
    elif output is Format.CSV:
        emit_rows([{"run": record.id, "prompt": prompt, "text": text}], ["run", "prompt", "text"], output)
    else:
        print_text(f"{prompt}{text}\n")


def convert(
    run: RunId,
    out: Annotated[Path, typer.Option("--out", help="Folder to write, new or empty.")],
) -> None:
    """Write a trained model for Hugging Face transformers.

    The folder holds config.json, model.safetensors and, where transformers can read it, the tokenizer. The model is a
    Llama or with QK-norm a Qwen3, with experts a Mixtral or a Qwen3-MoE.
    """
    from orchestrator.use_cases.converted_model import convert_model

    made = convert_model(open_workspace(reading=True), run, out)
    if made.note:
        say(made.note)
    say(f"written to {out}: run {made.run} as a {made.architecture} ({', '.join(made.files)})")

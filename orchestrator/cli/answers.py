"""The verbs that answer: fit, predict, plot, flops. With --csv they need nothing but the file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.wording import format_count, format_flops
from orchestrator.cli.output import Format, emit_json, emit_rows, say
from orchestrator.cli.planning import Output, open_service

if TYPE_CHECKING:
    from analysis.law import Law
    from analysis.questions import Answer

MaybeSweep = Annotated[str | None, typer.Argument(metavar="[SWEEP]", help="Name of a sweep, or name@revision.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Table with columns flops, params, tokens, loss instead.")]
Variant = Annotated[str, typer.Option("--variant", help="Which combination of varied values: axis=value,…")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(fit)
    app.command()(predict)
    app.command()(plot)
    app.command()(flops)


def _law(sweep: str | None, csv: Path | None, variant: str = "") -> Law:
    """The law of a sweep or of a table, exactly one of which must be named."""
    if (sweep is None) == (csv is None):
        raise typer.BadParameter("name a sweep, or a table with --csv")
    if csv is not None:
        from analysis.law import fit as fit_table
        from analysis.table import RunTable

        if not csv.is_file():
            raise typer.BadParameter(f"{csv}: no such file")
        return fit_table(RunTable.read_csv(csv))
    assert sweep is not None
    return open_service().law(sweep, variant)


def fit(sweep: MaybeSweep = None, csv: Csv = None, variant: Variant = "", output: Output = Format.TABLE) -> None:
    """Fit the IsoFLOP curves and the laws; show every estimator and every refusal."""
    from analysis.law import fit_json
    from orchestrator.words import describe

    law = _law(sweep, csv, variant)
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
        for line in describe(law, []):
            typer.echo(line)
    if not law.estimators:
        raise typer.Exit(1)


def predict(
    sweep: MaybeSweep = None,
    csv: Csv = None,
    flops: Annotated[float | None, typer.Option("--flops", help="Training budget C in FLOPs.")] = None,
    loss: Annotated[float | None, typer.Option("--loss", help="Ask for the budget that reaches this loss.")] = None,
    params: Annotated[float | None, typer.Option("--params", help="Ask what a model of N parameters reaches.")] = None,
    max_tokens: Annotated[float | None, typer.Option("--max-tokens", help="Only so many unique tokens exist.")] = None,
    inference_tokens: Annotated[
        float | None, typer.Option("--inference-tokens", help="So many tokens of inference follow.")
    ] = None,
    variant: Variant = "",
    output: Output = Format.TABLE,
) -> None:
    """Answer: which model at this budget, and what loss will it reach, within which interval?"""
    from analysis.law import prediction_json
    from orchestrator.words import describe_answer, describe_prediction

    questions = {"params": params, "max_tokens": max_tokens, "inference_tokens": inference_tokens}
    asked = {name: value for name, value in questions.items() if value is not None}
    _check_question(flops, loss, asked)
    law = _law(sweep, csv, variant)
    needed = None if loss is None else law.compute_for_loss(loss)
    budget = flops if flops is not None else (needed or (0.0,))[0]
    prediction = law.predict(budget)
    if sweep is not None:
        service = open_service()
        prediction = service.with_shape(service.store.sweep(sweep), prediction)
    answer = _answer(law, budget, asked)
    document = prediction_json(prediction)
    if needed is not None:
        document |= {"asked_loss": loss, "flops_interval": [needed[1].low, needed[1].high]}
    if answer is not None:
        document["answer"] = _plain(asdict(answer))
    if output is Format.JSON:
        emit_json(document)
    elif output is Format.CSV:
        flat = {k: v for k, v in document.items() if not isinstance(v, dict | list)}
        emit_rows([flat], list(flat), output)
    else:
        lines = describe_prediction(prediction, None if needed is None else needed[1])
        for line in lines + ([] if answer is None else describe_answer(answer)):
            typer.echo(line)


def _check_question(flops: float | None, loss: float | None, asked: dict[str, float]) -> None:
    if (flops is None) == (loss is None):
        raise typer.BadParameter("give a budget with --flops, or a loss to reach with --loss")
    if len(asked) > 1:
        raise typer.BadParameter("ask one question at a time: --params, --max-tokens or --inference-tokens")
    for name, value in {"flops": flops, "loss": loss, **asked}.items():
        if value is not None and not value > 0:
            raise typer.BadParameter(f"--{name.replace('_', '-')} must be positive, not {value}")


def _answer(law: Law, flops: float, asked: dict[str, float]) -> Answer | None:
    from analysis import questions

    ask = {
        "params": questions.given_size,
        "max_tokens": questions.best_with_limited_data,
        "inference_tokens": questions.cheapest_with_inference,
    }
    return next((ask[name](law, flops, value) for name, value in asked.items()), None)


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """Intervals as [low, high], as everywhere in the JSON."""
    return {k: [v["low"], v["high"]] if isinstance(v, dict) and "low" in v else v for k, v in record.items()}


def plot(
    out: Annotated[Path, typer.Option("--out", help="File to write: .html, .png, .svg or .pdf.")],
    sweep: MaybeSweep = None,
    csv: Csv = None,
    variant: Variant = "",
) -> None:
    """Draw the IsoFLOP curves and the scaling of N* and D* with compute."""
    from analysis.figures import overview, save

    save(overview(_law(sweep, csv, variant)), out)
    say(f"written: {out}")


def flops(
    params: Annotated[list[float] | None, typer.Option("--params", help="Sizes N; several may be given.")] = None,
    recipe: Annotated[str, typer.Option("--recipe", help="Recipe whose shapes are taken.")] = "cpu-small",
    vocab: Annotated[int, typer.Option("--vocab", help="Vocabulary.")] = 1024,
    context: Annotated[int, typer.Option("--context", help="Tokens of a sequence.")] = 128,
    output: Output = Format.TABLE,
) -> None:
    """Show where the FLOPs of a token go, by size: attention, MLP, head; and F/N in every convention."""
    from sweeps.recipe import get_recipe, shape

    chosen = get_recipe(recipe)
    rows = [_flops_row(shape(chosen, n, vocab, context)) for n in params or (2e4, 5e4, 1e5, 2e5, 5e5, 1e6)]
    emit_rows(rows, list(rows[0]), output)


def _flops_row(model: Any) -> dict[str, Any]:
    from model.flops import attention_flops_per_token, count_parameters, flops_per_token, flops_per_token_by

    total = flops_per_token(model)
    matrices = 3 if model.mlp == "swiglu" else 2
    share = {
        "projections": 24 * model.n_layers * model.d_model**2,
        "attention": attention_flops_per_token(model, model.context / 2),
        "mlp": 6 * matrices * model.n_layers * model.d_model * model.d_ff,
        "head": 6 * model.vocab * model.d_model,
    }
    counts = count_parameters(model)
    return {
        "shape": f"L{model.n_layers} d{model.d_model} h{model.n_heads} ff{model.d_ff}",
        "params": format_count(counts.matmul),
        "params_total": format_count(counts.total),
        "flops_per_token": format_flops(total),
        **{f"{part} %": round(100 * value / total, 1) for part, value in share.items()},
        **{f"F/N {name}": round(value / counts.matmul, 2) for name, value in flops_per_token_by(model).items()},
    }

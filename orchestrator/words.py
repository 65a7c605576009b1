"""An answer in plain lines, as the terminal shows it. Needs nothing but `analysis`."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.law import Law
from analysis.questions import Answer
from analysis.records import Interval, Prediction
from analysis.wording import format_count, format_exponent, format_factor, format_flops, format_interval, format_loss


def describe(law: Law, predictions: Sequence[Prediction]) -> list[str]:
    """The result in plain lines: each budget's optimum or refusal, the power laws, the predictions."""
    lines = ["", "Optimum of each budget"]
    for curve in law.curves:
        found = [
            f"{m.estimator} N* {format_count(m.params)}, D* {format_count(m.tokens)}, loss {format_loss(m.loss)}"
            for m in curve.minima
        ]
        refused = [f"{name} refused: {r.message}" for name, r in curve.refusals.items()]
        lines += [f"  {format_flops(curve.flops)}: {text}" for text in [*found, *refused]]
    lines += ["Scaling with compute"]
    for power in law.power_laws:
        if power.quantity in ("params", "tokens"):
            symbol = "N*" if power.quantity == "params" else "D*"
            exponent = format_exponent(power.exponent, power.exponent_interval)
            lines.append(f"  {symbol} ∝ C^{exponent}  [{power.estimator}]")
    lines += [f"  refused: {name}: {refusal.message}" for name, refusal in law.refusals.items()]
    for prediction in predictions:
        lines += describe_prediction(prediction)
    lines += [f"note: {warning}" for warning in law.warnings]
    return lines


def describe_prediction(prediction: Prediction, needed: Interval | None = None) -> list[str]:
    """One answer in plain lines; `needed` is the interval of the budget where a loss was asked for."""
    p = prediction
    lines = [] if needed is None else [f"Compute needed: {format_interval(needed, format_flops)} FLOPs"]
    lines += [
        f"At {format_flops(p.flops)} FLOPs, {format_factor(p.extrapolation)} the largest fitted budget"
        f" ({format_flops(p.largest_budget)}):",
        f"  N* {format_count(p.params)} ({format_interval(p.params_interval, format_count)}),"
        f" D* {format_count(p.tokens)} ({format_interval(p.tokens_interval, format_count)}),"
        f" loss {format_loss(p.loss)} ({format_interval(p.loss_interval)}) {p.loss_unit}",
    ]
    if p.shape:
        s = p.shape
        lines.append(
            f"  nearest shape: {s['n_layers']} layers, d {s['d_model']}, {s['n_heads']} heads, MLP {s['d_ff']}:"
            f" N {format_count(s['params'])} ({format_count(s['params_total'])} in all)"
        )
    lines.append(f"  confidence {p.confidence}")
    return lines + [f"  {warning}" for warning in p.warnings]


def describe_answer(answer: Answer) -> list[str]:
    """The answer to a question beyond the optimum of a budget, in plain lines."""
    a = answer
    return [
        f"{a.question.replace('_', ' ')}:",
        f"  N {format_count(a.params)} ({format_interval(a.params_interval, format_count)}),"
        f" D {format_count(a.tokens)}, {format_flops(a.flops)} training FLOPs,"
        f" loss {format_loss(a.loss)} ({format_interval(a.loss_interval)})",
        *(f"  {name.replace('_', ' ')}: {value:.4g}" for name, value in a.details.items()),
        *(f"  {warning}" for warning in a.warnings),
    ]

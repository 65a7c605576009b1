"""The answer in full (`-v`): every estimator, exponent and refusal, and replies to further questions."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.answers.ask import Reply
from analysis.answers.counts import Counts
from analysis.answers.details import details_of, title_of
from analysis.answers.published import published_at
from analysis.answers.questions import Answer
from analysis.answers.worth import worth_sentence
from analysis.devices import Hardware
from analysis.law import Law
from analysis.records import BuildableShape, Interval, Prediction
from analysis.refusals import Refusal
from analysis.wording import (
    curve_refusals,
    format_count,
    format_count_interval,
    format_exponent,
    format_factor,
    format_flops,
    format_hours,
    format_interval,
    format_loss,
    format_loss_intervals,
    noise_sentences,
    place_sentence,
    plural,
    refusal_message,
    refusal_phrase,
    refusal_sentence,
)

EXCLUDED_ROWS = 8
"""Rows left out of a fit that a terminal names."""


def describe(law: Law) -> list[str]:
    """A law in full: each budget's optima and refusals, the power laws, noise, the recipe check and notes."""
    lines = ["Optimum of each budget"]
    for curve in law.curves:
        found = [
            f"{m.estimator.label} N* {format_count(m.params)}, D* {format_count(m.tokens)}, loss {format_loss(m.loss)}"
            for m in curve.minima
        ]
        refused = [f"{names} refused: {message}" for names, message in curve_refusals(curve)]
        lines += [f"  {format_flops(curve.flops)}: {text}" for text in [*found, *refused]]
    if law.power_laws:
        lines.append("Scaling with compute")
    for power in law.power_laws:
        if power.quantity in ("params", "tokens"):
            symbol = "N*" if power.quantity == "params" else "D*"
            exponent = format_exponent(power.exponent, power.exponent_interval)
            lines.append(f"  {symbol} ∝ C^{exponent}  [{power.estimator.label}]")
    lines += [*_law_refusals(law), "Noise", *(f"  {text}" for text in noise_sentences(law.noise, law.loss_unit))]
    if law.worth is not None:
        lines += ["Repetition", f"  {worth_sentence(law)}"]
    lines += _checked(law)
    in_full = {refusal_sentence(curve.flops, curve.refusals) for curve in law.curves}
    notes = [f"note: {warning}" for warning in law.warnings if warning not in in_full]
    return lines + notes + _excluded(law)


def _law_refusals(law: Law) -> list[str]:
    """Estimators without an answer, those of one reason together."""
    groups: dict[Refusal, list[str]] = {}
    for name, refusal in law.refusals.items():
        groups.setdefault(refusal, []).append(name.label)
    return [
        f"  refused ({refusal_phrase(refusal.reason)}): {', '.join(names)}: {refusal_message(refusal)}"
        for refusal, names in groups.items()
    ]


def _checked(law: Law) -> list[str]:
    """What a check of the recipe found, a line for each cell."""
    lines = ["Recipe check: the rule's loss against the best found around it"] if law.recipe_check else []
    for cell in law.recipe_check:
        found = f"{cell.trained} of {plural(cell.runs, 'run')}"
        if cell.gap is not None and cell.rule_loss is not None and cell.best_loss is not None:
            found = (
                f"{format_loss(cell.rule_loss)} against {format_loss(cell.best_loss)} with batch ×{cell.best_batch:g},"
                f" learning rate ×{cell.best_lr:g}: {cell.gap:.3f} of {cell.threshold:.3f} allowed, {found}"
            )
        where = f"{format_flops(cell.flops)}, {cell.place}, N {format_count(cell.params)}"
        lines.append(f"  {cell.verdict}  {where}: {found}")
    return lines


def _excluded(law: Law) -> list[str]:
    """Rows left out of the fit, with their reasons."""
    lines = [f"  left out: {entry.run}: {entry.reason}" for entry in law.excluded[:EXCLUDED_ROWS]]
    more = len(law.excluded) - EXCLUDED_ROWS
    return lines + ([f"  and {more} more; all are in the JSON"] if more > 0 else [])


def describe_prediction(prediction: Prediction) -> list[str]:
    """A prediction in full: both intervals of the loss, each estimator's answer, and every warning."""
    p = prediction
    lines = [
        f"At {format_flops(p.flops)} FLOPs, {p.place}:",
        f"  N* {format_count(p.params)} ({format_count_interval(p.params_interval)}),"
        f" D* {format_count(p.tokens)} ({format_count_interval(p.tokens_interval)}),"
        f" loss {format_loss(p.loss)} ({format_loss_intervals(p.loss_interval, p.run_interval)}) {p.loss_unit}",
        f"  confidence {p.confidence}",
    ]
    for e in p.estimators:
        values = [
            f"{symbol} {write(value)}"
            for symbol, value, write in (("N*", e.params, format_count), ("loss", e.loss, format_loss))
            if value is not None
        ]
        lines.append(f"  {e.estimator.label}: {', '.join(values)}" + (f" ({e.note})" if e.note else ""))
    return lines + [f"  {warning}" for warning in p.warnings if warning != place_sentence(p.place)]


def reply_lines(reply: Reply) -> list[str]:
    """What a reply adds to the optimum of its budget: compute, shape or counts, hours, and the model in question."""
    p, hardware = reply.prediction, reply.question.hardware
    lines = []
    if reply.flops_interval is not None:
        interval = format_interval(reply.flops_interval, format_flops)
        lines.append(f"Compute needed: {format_flops(p.flops)} ({interval}) FLOPs")
    lines += [*_size(p.shape, reply.counts, p.params), *_hours(hardware, p.flops)]
    if reply.answer is not None:
        known = set(p.warnings)
        lines += [line for line in describe_answer(reply.answer, reply.counts, hardware) if line.strip() not in known]
    return lines


def _hours(hardware: Hardware | None, flops: float) -> Iterator[str]:
    if hardware is not None:
        device = hardware.device
        yield (
            f"Hours   {format_hours(hardware.hours(flops))} GPU-hours of {device.name} at {hardware.utilisation:.0%} of"
            f" {device.peak / 1e12:.4g} TFLOP/s ({device.source})"
        )


def _size(shape: BuildableShape | None, counts: Counts | None, params: float) -> Iterator[str]:
    """The nearest shape that can be built, or else N in the other counts, where one of them is known."""
    if shape:
        s = shape
        heads, layers = plural(s.n_heads, "head"), plural(s.n_layers, "layer")
        yield (
            f"Shape   {layers}, d {s.d_model}, {heads}, {s.mlp}: N {format_count(s.params)}"
            f" ({format_count(s.params_total)} in all, {format_count(s.params_nonembedding)} without embedding"
            f" and head), {format_count(s.tokens)} tokens, {format_flops(s.flops)} FLOPs"
        )
    elif counts is not None:
        other = counts.at(params)
        yield (
            f"Counts  N {format_count(params)} is {format_count(other['params_total'])} parameters in all,"
            f" {format_count(other['params_nonembedding'])} without embedding and head"
        )


def describe_answer(answer: Answer, counts: Counts | None = None, hardware: Hardware | None = None) -> list[str]:
    """The answer to a question beyond the optimum of a budget; `counts` and `hardware` add other units."""
    a = answer
    return [
        f"{title_of(a)}, {a.place}:",
        f"  N {_with_interval(a.params, a.params_interval)}, D {_with_interval(a.tokens, a.tokens_interval)},"
        f" {format_flops(a.flops)} training FLOPs,"
        f" loss {format_loss(a.loss)} ({format_loss_intervals(a.loss_interval, a.run_interval)})",
        *(f"  {line}" for line in _size(a.shape, counts, a.params)),
        *(f"  {line}" for line in _hours(hardware, a.flops)),
        *(f"  {line}" for line in details_of(a)),
        *(f"  {warning}" for warning in a.warnings if warning != place_sentence(a.place)),
    ]


def _with_interval(count: float, interval: Interval) -> str:
    """A count, with its interval unless it was given."""
    known = f" ({format_count_interval(interval)})" if interval.low < interval.high else ""
    return format_count(count) + known


def describe_published(flops: float) -> list[str]:
    """What published laws say of a budget, each with what its N counts."""
    lines = [f"Published laws at {format_flops(flops)} FLOPs, on their own data and tokenizers"]
    for entry in published_at(flops):
        outside = entry.extrapolation
        lines.append(
            f"  {entry.name}: N {format_count(entry.params)}, D {format_count(entry.tokens)}"
            + ("" if entry.loss is None else f", loss {format_loss(entry.loss)}")
            + (f", {format_factor(outside)} outside its budgets" if outside and outside > 1.05 else "")
            + f"  [{entry.convention}]"
        )
    return lines

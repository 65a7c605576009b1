"""An answer in plain lines, as the terminal shows it. Needs nothing but `analysis`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from analysis.answers.ask import Reply
from analysis.answers.compare import Comparison, Multiplier
from analysis.answers.counts import Counts
from analysis.answers.published import published_at
from analysis.answers.questions import Answer
from analysis.devices import Hardware
from analysis.law import Law
from analysis.records import BuildableShape, Prediction
from analysis.refusals import Refusal
from analysis.wording import (
    curve_refusals,
    format_count,
    format_exponent,
    format_factor,
    format_flops,
    format_hours,
    format_interval,
    format_loss,
    format_multiplier,
    noise_sentences,
    refusal_message,
    refusal_phrase,
    refusal_sentence,
)

CURVE_ROWS = 9
"""Points of a comparison's curve that a terminal shows."""


def describe(law: Law, predictions: Sequence[Prediction]) -> list[str]:
    """The result in plain lines: each budget's optimum or refusal, the power laws, the predictions."""
    lines = ["", "Optimum of each budget"]
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
    lines += [*_law_refusals(law), "Noise", *(f"  {said}" for said in noise_sentences(law.noise, law.loss_unit))]
    lines += _checked(law)
    for prediction in predictions:
        lines += describe_prediction(prediction)
    told = {refusal_sentence(curve.flops, curve.refusals) for curve in law.curves}  # in full above
    return lines + [f"note: {warning}" for warning in law.warnings if warning not in told] + _excluded(law)


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
    """What a check of the recipe found, a line a cell."""
    lines = ["Recipe check: the rule's loss beside the best found around it"] if law.recipe_check else []
    for cell in law.recipe_check:
        found = f"{cell.trained} of {cell.runs} runs"
        if cell.gap is not None and cell.rule_loss is not None and cell.best_loss is not None:
            found = (
                f"{format_loss(cell.rule_loss)} against {format_loss(cell.best_loss)} with batch ×{cell.best_batch:g},"
                f" learning rate ×{cell.best_lr:g}: {cell.gap:.3f} of {cell.threshold:.3f} allowed, {found}"
            )
        where = f"{format_flops(cell.flops)}, {cell.place}, N {format_count(cell.params)}"
        lines.append(f"  {cell.verdict}  {where}: {found}")
    return lines


def _excluded(law: Law, shown: int = 8) -> list[str]:
    """Rows left out, with reasons."""
    lines = [f"  left out: {entry.run}: {entry.reason}" for entry in law.excluded[:shown]]
    more = len(law.excluded) - shown
    return lines + ([f"  and {more} more; all are in the JSON"] if more > 0 else [])


def describe_reply(reply: Reply, *, published: bool = False) -> list[str]:
    """A reply in plain lines: the optimum of the budget, the answer under a constraint, hours, published laws."""
    p, hardware = reply.prediction, reply.question.hardware
    lines = [] if reply.flops_interval is None else [f"Compute needed: {_compute_needed(reply)} FLOPs"]
    lines += describe_prediction(p, reply.counts, hardware)
    if reply.answer is not None:
        said = describe_answer(reply.answer, reply.counts, hardware)
        lines += [line for line in said if line.strip() not in p.warnings]
    return lines + (describe_published(p.flops) if published else [])


def _compute_needed(reply: Reply) -> str:
    assert reply.flops_interval is not None
    return f"{format_flops(reply.prediction.flops)} ({format_interval(reply.flops_interval, format_flops)})"


def _hours(hardware: Hardware | None, flops: float) -> Iterator[str]:
    if hardware is not None:
        device = hardware.device
        yield (
            f"  {format_hours(hardware.hours(flops))} GPU-hours of {device.name} at {hardware.utilisation:.0%} of"
            f" {device.peak / 1e12:.4g} TFLOP/s ({device.source})"
        )


def describe_prediction(
    prediction: Prediction, counts: Counts | None = None, hardware: Hardware | None = None
) -> list[str]:
    """One answer in plain lines; `counts` gives N in the other counts, `hardware` the compute in hours."""
    p = prediction
    lines = [
        f"At {format_flops(p.flops)} FLOPs, {format_factor(p.extrapolation)} the largest fitted budget"
        f" ({format_flops(p.largest_budget)}):",
        f"  N* {format_count(p.params)} ({format_interval(p.params_interval, format_count)}),"
        f" D* {format_count(p.tokens)} ({format_interval(p.tokens_interval, format_count)}),"
        f" loss {format_loss(p.loss)} ({format_interval(p.loss_interval)}) {p.loss_unit}",
        *_counted(counts, p.params),
        *_shape(p.shape),
        *_hours(hardware, p.flops),
        f"  confidence {p.confidence}",
    ]
    return lines + [f"  {warning}" for warning in p.warnings]


def _counted(counts: Counts | None, params: float) -> Iterator[str]:
    if counts is not None:
        other = counts.at(params)
        yield (
            f"  that is {format_count(other['params_total'])} parameters in all,"
            f" {format_count(other['params_nonembedding'])} without embedding and head"
        )


def _shape(shape: BuildableShape | None) -> Iterator[str]:
    if shape:
        s = shape
        yield (
            f"  nearest shape: {s.n_layers} layers, d {s.d_model}, {s.n_heads} heads, MLP {s.d_ff}:"
            f" N {format_count(s.params)} ({format_count(s.params_total)} in all,"
            f" {format_count(s.params_nonembedding)} without embedding and head),"
            f" D {format_count(s.tokens)}, {format_flops(s.flops)} FLOPs"
        )


_QUESTIONS = {
    "optimum_with_limited_data": "Best with limited data",
    "cheapest_with_inference": "Cheapest with the inference that follows",
    "given_size": "The model asked about",
    "tokens_for_loss": "Tokens that the model asked about needs",
}


def describe_answer(answer: Answer, counts: Counts | None = None, hardware: Hardware | None = None) -> list[str]:
    """The answer to a question beyond the optimum of a budget, in plain lines; as `describe_prediction`."""
    a = answer
    size = format_count(a.params)
    if a.params_interval.low < a.params_interval.high:
        size += f" ({format_interval(a.params_interval, format_count)})"
    tokens = format_count(a.tokens)
    if a.tokens_interval.low < a.tokens_interval.high:
        tokens += f" ({format_interval(a.tokens_interval, format_count)})"
    return [
        f"{_QUESTIONS[a.question]}, {format_factor(a.extrapolation)} the largest fitted budget:",
        f"  N {size}, D {tokens}, {format_flops(a.flops)} training FLOPs,"
        f" loss {format_loss(a.loss)} ({format_interval(a.loss_interval)})",
        *_counted(counts, a.params),
        *_shape(a.shape),
        *_hours(hardware, a.flops),
        *(f"  {line}" for line in _DETAILS[a.question](a.details)),
        *(f"  {warning}" for warning in a.warnings),
    ]


def _given_size(d: Mapping[str, float]) -> Iterator[str]:
    small, large = d["times_too_small"], d["times_too_large"]
    if small > 1.005 or large > 1.005:
        yield f"{format_factor(max(small, large))} too {'small' if small > 1 else 'large'}"
    yield (
        f"costs {d['excess_loss']:.4f} ({d['excess_loss_low']:.4f} to {d['excess_loss_high']:.4f}) of loss:"
        f" the optimum has it with {format_flops(d['compute_for_same_loss'])} FLOPs, so {d['wasted_compute']:.0%}"
        f" ({d['wasted_compute_low']:.0%} to {d['wasted_compute_high']:.0%}) of the compute is wasted"
    )


def _limited(d: Mapping[str, float]) -> Iterator[str]:
    yield (
        f"{d['epochs']:.3g} epochs of {format_count(d['unique_tokens'])} unique tokens;"
        f" without the limit the loss is {format_loss(d['loss_without_limit'])}"
    )


def _inference(d: Mapping[str, float]) -> Iterator[str]:
    yield (
        f"{format_flops(d['total_flops'])} FLOPs with {format_count(d['inference_tokens'])} tokens of inference,"
        f" {d['saving']:.0%} less than the compute-optimal model of the same loss"
        f" ({format_flops(d['total_flops_of_compute_optimal'])})"
    )


def _tokens_needed(d: Mapping[str, float]) -> Iterator[str]:
    yield (
        f"{format_factor(d['times_the_compute'])} the compute of the optimum of this loss"
        f" ({format_flops(d['compute_of_optimum'])} FLOPs)"
    )


_DETAILS = {
    "optimum_with_limited_data": _limited,
    "cheapest_with_inference": _inference,
    "given_size": _given_size,
    "tokens_for_loss": _tokens_needed,
}


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


def describe_comparison(comparison: Comparison) -> list[str]:
    """A compute multiplier in plain lines: where both were fitted, then along the loss."""
    c = comparison
    lines = [
        f"{c.other} against {c.baseline}: how much more compute {c.baseline} needs for the same loss ({c.unit})",
        f"  at loss {format_loss(c.at_largest.loss)}: {_multiplier(c.at_largest)}",
        "  along the loss:",
    ]
    step = max(1, (len(c.points) - 1) // (CURVE_ROWS - 1))
    lines += [f"    {format_loss(point.loss)}: {_multiplier(point)}" for point in c.points[::step]]
    return lines + [f"  {warning}" for warning in c.warnings]


def _multiplier(point: Multiplier) -> str:
    reach = point.extrapolation
    return (
        f"{format_multiplier(point.multiplier)} ({format_interval(point.interval, format_multiplier)}),"
        f" {format_flops(point.baseline_flops)} against {format_flops(point.flops)} FLOPs"
        + (f", {format_factor(reach)} the largest fitted budget" if reach > 1.05 else "")
    )

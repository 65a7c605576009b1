"""What the answer to a question under a constraint adds, in words: its title, and a sentence with its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from analysis.answers.questions import LEAST_COMPUTE, Answer
from analysis.wording import format_count, format_factor, format_flops, format_loss


def title_of(answer: Answer) -> str:
    """What was asked, in a few words."""
    return _QUESTIONS[answer.question]


def details_of(answer: Answer) -> list[str]:
    """The figures of the question in plain lines."""
    return list(_DETAILS[answer.question](answer.details))


_QUESTIONS = {
    "optimum_with_limited_data": "Best with limited data",
    "cheapest_with_inference": "Cheapest with the inference that follows",
    "given_size": "The model of the given size",
    "tokens_for_loss": "Tokens that the given size needs for this loss",
}


def _given_size(d: Mapping[str, float]) -> Iterator[str]:
    small, large = d["times_too_small"], d["times_too_large"]
    if small > 1.005 or large > 1.005:
        yield f"{format_factor(max(small, large))} too {'small' if small > 1 else 'large'}"
    enough = f"{format_flops(d['compute_for_same_loss'])} FLOPs"
    if d["wasted_compute"] > 1 - 1.001 * LEAST_COMPUTE:
        enough = "less than a millionth of the compute"
    yield (
        f"costs {d['excess_loss']:.4f} ({d['excess_loss_low']:.4f} to {d['excess_loss_high']:.4f}) of loss:"
        f" the optimum reaches it with {enough}, so {d['wasted_compute']:.0%}"
        f" ({d['wasted_compute_low']:.0%} to {d['wasted_compute_high']:.0%}) of the compute is wasted"
    )


def _limited(d: Mapping[str, float]) -> Iterator[str]:
    epochs = f"{format_count(d['epochs'])} epoch" + ("s" if f"{d['epochs']:.3g}" != "1" else "")
    yield (
        f"{epochs} of {format_count(d['unique_tokens'])} unique tokens;"
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
        f"{format_factor(d['times_the_compute'])} the compute of the optimum for this loss"
        f" ({format_flops(d['compute_of_optimum'])} FLOPs)"
    )


_DETAILS = {
    "optimum_with_limited_data": _limited,
    "cheapest_with_inference": _inference,
    "given_size": _given_size,
    "tokens_for_loss": _tokens_needed,
}

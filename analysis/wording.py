"""How an answer is said: numbers, intervals, refusals and trust, in the words that every surface shares."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from analysis.records import Curve, Interval, Prediction, Refusal

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_COUNT_SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_REFUSALS = {
    "too_few_sizes": "too few sizes",
    "edge_minimum": "minimum at the edge of the sizes",
    "no_curvature": "curvature not established",
    "no_parabola": "the curve is no parabola",
    "too_few_budgets": "too few budgets",
    "lack_of_fit": "the fit misses the curves",
    "no_solution": "no solution found",
}
_ADVICE = {
    "high": "The estimators agree and the budgets bear it out: good enough to plan with.",
    "medium": "Plan with the interval rather than the single number, and check it with one run before spending it all.",
    "low": "Treat it as a hint: run at least one larger budget before relying on it.",
}


def superscript(exponent: int) -> str:
    """An integer in superscript digits: 12 → ¹²."""
    return str(exponent).translate(_SUPERSCRIPTS)


def format_flops(flops: float, digits: int = 3) -> str:
    """Compute in powers of ten with at most so many significant digits: 3e11 → 3×10¹¹, 1e12 → 10¹²."""
    if not (math.isfinite(flops) and flops > 0):
        return "–"
    mantissa_text, exponent_text = f"{flops:.{digits - 1}e}".split("e")
    mantissa = mantissa_text.rstrip("0").rstrip(".") if "." in mantissa_text else mantissa_text
    power = f"10{superscript(int(exponent_text))}"
    return power if mantissa == "1" else f"{mantissa}×{power}"


def typed_flops(flops: float) -> str:
    """Compute as one types it on a command line, three significant digits: 2.7e11, 4e9."""
    mantissa, exponent = f"{flops:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def format_count(count: float, digits: int = 3) -> str:
    """Parameters or tokens with the field's suffixes, three significant digits: 69600 → 69.6 k, 7e9 → 7 B."""
    if not math.isfinite(count):
        return "–"
    if abs(count) >= 1e15:
        return format_flops(count)
    rounded = float(f"{count:.{digits}g}")
    for unit, suffix in _COUNT_SUFFIXES:
        if abs(rounded) >= unit:
            return f"{rounded / unit:.3g} {suffix}"
    return f"{rounded:.3g}"


def format_loss(loss: float) -> str:
    """A loss with three decimals."""
    return f"{loss:.3f}" if math.isfinite(loss) else "–"


def format_factor(factor: float) -> str:
    """A ratio: 10 → ×10, 3.33 → ×3.3, 0.5 → ×0.5; powers of ten from 10⁴ on."""
    if not math.isfinite(factor):
        return "–"
    return f"×{format_flops(factor)}" if factor >= 1e4 else f"×{float(f'{factor:.2g}'):g}"


def format_multiplier(factor: float) -> str:
    """A compute multiplier, three significant digits: a tenth of a per cent is worth seeing near 1."""
    return f"×{factor:.3g}" if 1e-3 <= factor < 1e4 else f"×{format_flops(factor)}"


def format_interval(interval: Interval | None, write: Callable[[float], str] = format_loss) -> str:
    """Both ends of an interval, each written by `write`: 52.1 k to 91 k."""
    if interval is None:
        return "–"
    return f"{write(interval.low)} to {write(interval.high)}"


def format_count_interval(interval: Interval, digits: int = 3) -> str:
    """Both ends of an interval of parameters or tokens, a suffix that they share written once: 36.2 to 47.1 k."""
    low, high = format_count(interval.low, digits), format_count(interval.high, digits)
    number, _, suffix = low.partition(" ")
    return f"{number if suffix and high.endswith(f' {suffix}') else low} to {high}"


def format_exponent(exponent: float, interval: Interval | None) -> str:
    """An exponent with its interval, three decimals: 0.461 (0.402 to 0.520)."""
    tail = (
        f" ({interval.low:.3f} to {interval.high:.3f})" if interval is not None else " (no interval: too few budgets)"
    )
    return f"{exponent:.3f}{tail}"


def format_duration(seconds: float) -> str:
    """Time in its two largest units: 75 → 1 min 15 s."""
    if not math.isfinite(seconds):
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    for unit, name, smaller, smaller_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            rest = (whole % unit) // smaller
            return f"{whole // unit} {name}" + (f" {rest} {smaller_name}" if rest else "")
    return f"{whole} s"


def format_hours(hours: float) -> str:
    """Device-hours with three significant digits: 1234567 → 1,230,000, 0.0123 → 0.0123."""
    if not math.isfinite(hours):
        return "–"
    return f"{float(f'{hours:.3g}'):,.0f}" if hours >= 100 else f"{hours:.3g}"


def refusal_phrase(reason: str) -> str:
    """A refusal's code in a few words."""
    return _REFUSALS.get(reason, reason.replace("_", " "))


def estimator_label(name: str) -> str:
    """An estimator's name for people: joint_skew → joint skew."""
    return name.replace("_", " ")


def curve_refusals(curve: Curve) -> list[tuple[str, str]]:
    """A curve's refusals, those of one message together: the estimators' names, and the message."""
    groups: dict[str, list[str]] = {}
    for name, refusal in curve.refusals.items():
        groups.setdefault(refusal.message, []).append(estimator_label(name))
    return [(join_words(names), message) for message, names in groups.items()]


def refusal_sentence(flops: float, refusals: Mapping[str, Refusal]) -> str:
    """A budget's refusals by estimator in one sentence: parabola (the curve is no parabola); akima (…)."""
    groups: dict[str, list[str]] = {}
    for name, refusal in refusals.items():
        groups.setdefault(refusal_phrase(refusal.reason), []).append(estimator_label(name))
    told = "; ".join(f"{join_words(names)} ({phrase})" for phrase, names in groups.items())
    return f"At {format_flops(flops)} FLOPs refused: {told}."


def refusal_summary(curve: Curve) -> str:
    """Why no estimator answered for a budget, each different reason once."""
    return "; ".join(dict.fromkeys(refusal_phrase(refusal.reason) for refusal in curve.refusals.values()))


def noise_sentences(noise: Mapping[str, Any], unit: str) -> list[str]:
    """A law's noise: the scatter about the curves, and that between seeds with what is known of it."""
    told = []
    if noise["sigma"] is not None:
        scatter = f"{_thousandths(noise['sigma'])} {unit} ({_freedom(noise['degrees_of_freedom'])})"
        told.append(f"Runs scatter about their budget's cubic by {scatter}.")
    seed = noise["seed_sigma"]
    if seed is None:
        return [*told, "No cell was repeated, so the noise between seeds alone is not known."]
    low, high = (_thousandths(end) for end in noise["seed_sigma_interval"])
    by_budget = [f"{_thousandths(b['sigma'])} at {format_flops(b['flops'])}" for b in noise["seed_sigma_by_budget"]]
    at = f": {join_words(by_budget)} FLOPs" if len(by_budget) > 1 else ""
    told.append(
        f"Runs that differ by their seed alone scatter by {_thousandths(seed)} {unit} "
        f"({_freedom(noise['seed_degrees_of_freedom'])}, 95 % interval {low} to {high}){at}."
    )
    return told


def _thousandths(value: float) -> str:
    """A small loss in thousandths, three significant digits at most: 0.0105 → 10.5×10⁻³."""
    return f"{float(f'{1000 * value:.3g}'):g}×10⁻³"


def _freedom(count: int) -> str:
    return f"{count} degree{'s' if count != 1 else ''} of freedom"


def trust_sentence(prediction: Prediction) -> str:
    """How far an answer may be trusted, in plain sentences: where it lies, how wide it is, what to do."""
    where = extrapolation_phrase(prediction)
    factor = math.sqrt(prediction.params_interval.high / prediction.params_interval.low)
    half_width = (prediction.loss_interval.high - prediction.loss_interval.low) / 2
    width = f"The size is known to within a factor of {factor:.2f} either way and the loss to ±{half_width:.3f}"
    advice = _ADVICE.get(prediction.confidence, "")
    return f"{where} {width}; confidence is {prediction.confidence}. {advice}".rstrip()


def extrapolation_phrase(prediction: Prediction) -> str:
    """Where an answer lies in relation to the budgets that were run, as a sentence."""
    largest = format_flops(prediction.largest_budget)
    if prediction.extrapolation <= 1.0 + 1e-9:
        return f"This lies within the budgets that were run (largest {largest} FLOPs)."
    factor = format_factor(prediction.extrapolation).removeprefix("×")
    return f"This extrapolates to {factor} times the largest budget that was run ({largest} FLOPs)."


def join_words(words: Iterable[str]) -> str:
    """A list in prose: a, b and c."""
    items = list(words)
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)

"""How an answer is worded: numbers, intervals, refusals, noise and trust, the same on every page and in every table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

import analysis.refusals as refusals
from analysis.evidence import Noise
from analysis.names import EstimatorName
from analysis.records import Curve, Interval, Prediction
from analysis.refusals import Reason, Refusal

_RUNS_SHOWN = 3
"""Runs that a refusal names."""
_SAME_BUDGET = 1.005
"""Ratio within which a budget is taken for one that was run: cells meet their budgets to within a per cent."""
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_COUNT_SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
REASON_PHRASES: Mapping[Reason, str] = {
    Reason.TOO_FEW_SIZES: "too few sizes",
    Reason.EDGE_MINIMUM: "minimum at the edge of the sizes",
    Reason.NO_CURVATURE: "curvature not established",
    Reason.NO_PARABOLA: "the curve is not a parabola",
    Reason.TOO_FEW_BUDGETS: "too few budgets",
    Reason.NO_SOLUTION: "no solution found",
    Reason.ONE_LOSS_A_RUN: "one loss a run",
    Reason.WRONG_SCHEDULE: "wrong schedule",
}
"""Each reason to refuse in a few words."""
_SENTENCES: Mapping[type[Refusal], str] = {
    refusals.TooFewSizes: "{sizes} at {flops} FLOPs; a curve needs at least {needed}.",
    refusals.TooFewSplineSizes: "{sizes} more than {apart:.0%} apart.",
    refusals.TooFewRuns: "a surface of seven parameters needs at least {needed} runs, and a curve five sizes; this "
    "table has {runs}.",
    refusals.SizesTooAlike: "fewer than three sizes: what size and what tokens do to the loss cannot be separated.",
    refusals.TooFewCrossings: "the least loss passes {crossings} from one size to the next while both have "
    "finished a run and still train another; the envelope needs {needed}. Add sizes, and runs of several lengths.",
    refusals.TooFewBudgets: "a law needs at least {needed} budgets, two to four times apart; this table has {budgets}.",
    refusals.TooFewMinima: "the {estimator} has a minimum at {minima} of {budgets} budgets; power laws need {needed}.",
    refusals.TooFewCurves: "{minima} of {budgets} budgets have a minimum by any estimator; a law needs {needed}. Add "
    "sizes on both sides of where it should lie, or repeat runs.",
    refusals.EdgeMinimum: "the {estimator}'s minimum, N = {params:,.0f}, lies {edge}; add sizes there.",
    refusals.OutermostSize: "the Akima spline is lowest at the outermost size; add sizes there.",
    refusals.NoCubicMinimum: "the cubic has no minimum: the loss goes on falling across the sizes.",
    refusals.CurvatureNotEstablished: "the curve's bend, {bend:.3g} ± {margin:.2g} per ln N squared, is not "
    "established; widen the sizes, or repeat runs to lower the noise.",
    refusals.BendsBack: "the curve is not a parabola: it bends the other way beyond N = {params:,.0f} (cubic against "
    "parabola: p = {p:.2g}; residuals {parabola_residual:.3g} and {cubic_residual:.3g}). A branch may be broken, for "
    "instance by too few optimizer steps at the large sizes.",
    refusals.FarFromLowest: "the {estimator}'s minimum, N = {params:,.0f}, is far from the lowest loss, at "
    "N = {lowest:,.0f} and {gap:.3g} below the run nearest to it.",
    refusals.NoMinimum: "no budget's curve has a minimum ({reasons}).",
    refusals.NoFiniteFit: "the {estimator} surface has no finite fit to these losses.",
    refusals.FitRunsOff: "the {estimator} fit ran off to infinity.",
    refusals.OptimumRunsOff: "an optimum runs off to sizes that no model has.",
    refusals.ErrorsUnknown: "the headline's errors cannot be computed; the runs do not determine a law.",
    refusals.OneLossARun: "the envelope needs training curves, several points a run, whose schedule matched their "
    "length; this table has one loss a run.",
    refusals.UnknownSchedule: "nothing says that the schedule of {runs} matched its length: add a column schedule "
    "({known}, wsd, …).",
    refusals.UnfinishedSchedule: "{runs} trained on {schedules}: before its cooldown such a run's loss is above that "
    "of a run of the same length, so no size can be compared along the way. Use the final losses alone.",
    refusals.ScheduleTooLong: "the schedule of {runs} was set for up to {factor:.2g} times the tokens trained: the "
    "losses are too high.",
}
"""Each kind of refusal as a sentence with its numbers."""
_COUNTED = {"sizes": "size", "runs": "run", "crossings": "time"}
"""Nouns of the counts that refusals carry."""
_ADVICE = {
    "high": "The estimators agree and the budgets bear it out: good enough to plan with.",
    "medium": "Plan with the interval rather than the single number, and check it with one run before spending it all.",
    "low": "Treat it as a hint: run at least one larger budget before relying on it.",
}


def superscript(exponent: int) -> str:
    """An integer in superscript digits: 12 → ¹²."""
    return str(exponent).translate(_SUPERSCRIPTS)


def format_flops(flops: float, digits: int = 3) -> str:
    """Compute in powers of ten with at most `digits` significant digits: 3e11 → 3×10¹¹, 1e12 → 10¹², 0 → 0."""
    if not (math.isfinite(flops) and flops > 0):
        return "0" if flops == 0 else "–"
    mantissa_text, exponent_text = f"{flops:.{digits - 1}e}".split("e")
    mantissa = mantissa_text.rstrip("0").rstrip(".") if "." in mantissa_text else mantissa_text
    if int(exponent_text) == 0:
        return mantissa
    power = f"10{superscript(int(exponent_text))}"
    return power if mantissa == "1" else f"{mantissa}×{power}"


def typed_flops(flops: float) -> str:
    """Compute as one types it on a command line, three significant digits: 2.7e11, 4e9."""
    mantissa, exponent = f"{flops:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}" if flops else "0"


def typed_up(number: float) -> str:
    """A positive number as one types it, in three significant digits, rounded up so that it suffices."""
    unit = 10.0 ** (math.floor(math.log10(number)) - 2)
    up = math.ceil(number / unit * (1 - 1e-12)) * unit
    return f"{up:.3g}" if 1e-4 <= number < 999 else typed_flops(up)


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


def format_loss_intervals(mean: Interval, run: Interval | None) -> str:
    """Both 95 % intervals of a loss: one run 3.150 to 3.270; mean of many 3.180 to 3.240."""
    of_run = f"one run {format_interval(run)}; " if run is not None else ""
    return f"{of_run}mean of many {format_interval(mean)}"


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


def estimator_label(name: str) -> str:
    """An estimator's name for people: joint_skew → joint skew."""
    return EstimatorName(name).label


def refusal_phrase(reason: Reason) -> str:
    """A refusal's code in a few words: no_parabola → the curve is not a parabola."""
    return REASON_PHRASES[reason]


def refusal_message(refusal: Refusal) -> str:
    """A refusal as one sentence with the numbers that led to it and, where there is one, the remedy."""
    values = {entry.name: _refusal_value(entry.name, getattr(refusal, entry.name)) for entry in fields(refusal)}
    return _SENTENCES[type(refusal)].format(**values)


def _refusal_value(name: str, value: Any) -> Any:
    """A refusal's field as its sentence has it: names joined, a long list of runs cut short."""
    if name == "flops":
        return format_flops(value)
    if name == "estimator":
        return "Akima spline" if value is EstimatorName.AKIMA else value.label
    if name == "edge":
        return "below the smallest size" if value == "smallest" else "above the largest size"
    if name == "runs" and isinstance(value, tuple):
        more = f" and {len(value) - _RUNS_SHOWN} more" if len(value) > _RUNS_SHOWN else ""
        return f"run{'s' if len(value) > 1 else ''} {', '.join(value[:_RUNS_SHOWN])}{more}"
    if name in _COUNTED and isinstance(value, int):
        return plural(value, _COUNTED[name])
    if name == "reasons":
        return ", ".join(sorted(REASON_PHRASES[reason] for reason in value))
    return ", ".join(value) if isinstance(value, tuple) else value


def curve_refusals(curve: Curve) -> list[tuple[str, str]]:
    """A curve's refusals, those of one message together: the estimators' names, and the message."""
    groups: dict[str, list[str]] = {}
    for name, refusal in curve.refusals.items():
        groups.setdefault(refusal_message(refusal), []).append(name.label)
    return [(join_words(names), message) for message, names in groups.items()]


def refusal_sentence(flops: float, refused: Mapping[EstimatorName, Refusal]) -> str:
    """A budget's refusals by estimator in one sentence: parabola (the curve is not a parabola); akima (…)."""
    groups: dict[str, list[str]] = {}
    for name, refusal in refused.items():
        groups.setdefault(REASON_PHRASES[refusal.reason], []).append(name.label)
    listed = "; ".join(f"{join_words(names)} ({phrase})" for phrase, names in groups.items())
    return f"At {format_flops(flops)} FLOPs refused: {listed}."


def refusal_summary(curve: Curve) -> str:
    """Why no estimator answered for a budget, each different reason once."""
    return "; ".join(dict.fromkeys(REASON_PHRASES[refusal.reason] for refusal in curve.refusals.values()))


def noise_sentences(noise: Noise, unit: str) -> list[str]:
    """A law's noise in sentences: the scatter about the curves, and that between seeds with what is known of it."""
    sentences = []
    if noise.sigma is not None:
        scatter = f"{_thousandths(noise.sigma)} {unit} ({_freedom(noise.degrees_of_freedom)})"
        sentences.append(f"Runs scatter about their budget's cubic by {scatter}.")
    if noise.seed_sigma is None or noise.seed_sigma_interval is None:
        return [*sentences, "No cell was repeated, so the noise between seeds alone is not known."]
    by_budget = [
        f"{_thousandths(b.sigma)} ({b.degrees_of_freedom}) at {format_flops(b.flops)}"
        for b in noise.seed_sigma_by_budget
    ]
    at = f"; with its degrees of freedom, {join_words(by_budget)} FLOPs" if len(by_budget) > 1 else ""
    sentences.append(
        f"Runs that differ by their seed alone scatter by {_thousandths(noise.seed_sigma)} {unit} "
        f"({_freedom(noise.seed_degrees_of_freedom)}, 95 % interval "
        f"{format_interval(noise.seed_sigma_interval, _thousandths)}){at}."
    )
    return sentences


def _thousandths(value: float) -> str:
    """A small loss in thousandths, three significant digits at most: 0.0105 → 10.5×10⁻³."""
    return f"{float(f'{1000 * value:.3g}'):g}×10⁻³"


def _freedom(count: int) -> str:
    return f"{plural(count, 'degree')} of freedom"


def trust_sentence(prediction: Prediction) -> str:
    """How far an answer may be trusted, in plain sentences: where it lies, how wide it is, what to do."""
    factor = math.sqrt(prediction.params_interval.high / prediction.params_interval.low)
    mean, run = prediction.loss_interval, prediction.run_interval
    width = f"The size is known to within a factor of {factor:.2f} either way and the mean loss to ±{_half(mean):.3f}"
    width += f", that of one run to ±{_half(run):.3f}" if run is not None else ""
    advice = _ADVICE.get(prediction.confidence, "")
    return f"{place_sentence(prediction.place)} {width}; confidence is {prediction.confidence}. {advice}".rstrip()


def _half(interval: Interval) -> float:
    """Half the width of an interval."""
    return (interval.high - interval.low) / 2


def budget_place(flops: float, smallest: float, largest: float) -> str:
    """Where a budget lies in relation to those that were run: the one wording of every face."""
    if flops > largest * _SAME_BUDGET:
        return f"{format_factor(flops / largest)} the largest budget"
    if flops * _SAME_BUDGET < smallest:
        return f"{format_factor(smallest / flops)} below the smallest budget"
    return "within the budgets that were run"


def place_sentence(place: str) -> str:
    """A place of `budget_place` as a sentence."""
    return f"This is {place}."


def budget_mark(flops: float, smallest: float, largest: float) -> str:
    """`budget_place` in a table: ×10, ÷10, inside, or fitted for the largest budget itself."""
    if flops > largest * _SAME_BUDGET:
        return format_factor(flops / largest)
    if flops * _SAME_BUDGET < smallest:
        return f"÷{format_factor(smallest / flops).removeprefix('×')}"
    return "fitted" if flops * _SAME_BUDGET > largest else "inside"


def plural(count: int, noun: str) -> str:
    """A count with its noun: 1 run, 2 runs, 1,000 runs."""
    return f"{count:,} {noun}{'s' if count != 1 else ''}"


def join_words(words: Iterable[str]) -> str:
    """A list in prose: a, b and c."""
    items = list(words)
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)

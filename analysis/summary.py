"""A law at a glance, for notebooks: a line or two of text, and a small table in HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from analysis.names import EstimatorName
from analysis.records import Curve, PowerLaw, Prediction
from analysis.wording import (
    format_count,
    format_exponent,
    format_flops,
    format_interval,
    format_loss,
    format_loss_intervals,
    refusal_summary,
)


@dataclass(frozen=True)
class Summary:
    """What a notebook shows of a law."""

    curves: Sequence[Curve]
    """One a budget, ascending."""
    power_laws: Sequence[PowerLaw]
    """Of all estimators; the headline's are shown."""
    optimum: Prediction | None
    """At the largest budget; None where no law could be fitted."""
    loss_unit: str
    """Unit of the losses."""

    def text(self) -> str:
        """The budgets, and below them N*, the loss and the exponent, or that there is no law."""
        budgets, runs = len(self.curves), sum(len(curve.params) for curve in self.curves)
        span = format_flops(self.curves[0].flops)
        if budgets > 1:
            span += f" to {format_flops(self.curves[-1].flops)}"
        plural = "s" if budgets > 1 else ""
        return f"Law({budgets} budget{plural}, {span} FLOPs, {runs} runs)\n{self._answer()}"

    def html(self) -> str:
        """A table of the budgets with each one's optimum or refusal, and the law's answer below it."""
        head = "".join(f"<th>{title}</th>" for title in ("Budget C (FLOPs)", "Runs", "N*", "D*", "Loss", "Minimum by"))
        body = "".join(f"<tr>{''.join(map(_cell, _row(curve)))}</tr>" for curve in self.curves)
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<p>{escape(self._answer())} Losses: {escape(self.loss_unit)}.</p>"
        )

    def _answer(self) -> str:
        p = self.optimum
        if p is None:
            return "No law could be fitted; law.refusals has the reasons."
        exponents = [
            f"N* ∝ C^{format_exponent(law.exponent, law.exponent_interval)}."
            for law in self.power_laws
            if law.estimator is EstimatorName.HEADLINE and law.quantity == "params"
        ]
        optimum = (
            f"At {format_flops(p.flops)} FLOPs N* is {format_count(p.params)} "
            f"({format_interval(p.params_interval, format_count)}), loss {format_loss(p.loss)} "
            f"({format_loss_intervals(p.loss_interval, p.run_interval)})."
        )
        return " ".join([optimum, *exponents])


def _row(curve: Curve) -> list[str]:
    """Cells of one budget: the cubic's minimum, else the first there is, else why there is none."""
    start = [format_flops(curve.flops), str(len(curve.params))]
    by_name = {minimum.estimator: minimum for minimum in curve.minima}
    best = by_name.get(EstimatorName.CUBIC, next(iter(curve.minima), None))
    if best is None:
        return [*start, "–", "–", "–", refusal_summary(curve)]
    return [
        *start,
        format_count(best.params),
        format_count(best.tokens),
        format_loss(best.loss),
        best.estimator.label,
    ]


def _cell(text: str) -> str:
    return f"<td>{escape(text)}</td>"

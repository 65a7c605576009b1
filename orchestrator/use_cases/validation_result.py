"""What a validation found: its runs against their forecast, as rows of a table and in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from analysis.interval_score import interval_score
from analysis.records import Interval
from analysis.table.repeats import FRESH
from analysis.wording import format_count
from orchestrator.store import ForecastScore, RunRecord


@dataclass(frozen=True, slots=True)
class PredictedOptimum:
    """What a stored forecast says of the optimum at its budget."""

    flops: float
    """Budget, training FLOPs."""
    params: float
    """N*."""
    params_interval: Interval
    """95 % interval of N*."""
    loss: float
    """Loss of the optimum, nats per token."""
    loss_interval: Interval
    """95 % interval of the mean loss of many runs: the law's."""
    run_interval: Interval | None
    """95 % interval of the loss of one run; None where the forecast has none."""

    @property
    def scored_by(self) -> Interval:
        """The interval that a run is held against: that of one run, else the law's."""
        return self.run_interval or self.loss_interval

    @classmethod
    def from_dict(cls, prediction: Mapping[str, Any]) -> PredictedOptimum:
        """From the JSON of a prediction (`analysis.answers.serial.prediction_json`).

        A forecast that was stored before there were intervals of one run has none.
        """
        return cls(
            flops=prediction["flops"],
            params=prediction["params"],
            params_interval=Interval(*prediction["params_interval"]),
            loss=prediction["loss"],
            loss_interval=Interval(*prediction["loss_interval"]),
            run_interval=Interval(*of_run) if (of_run := prediction.get("run_interval")) else None,
        )


@dataclass(frozen=True, slots=True)
class Trained:
    """One run that a validation trained."""

    factor: float
    """Its size over the predicted optimum's: 1 for the optimum itself, which scores the forecast."""
    run: RunRecord
    """The run; it may have ended without a loss."""
    score: ForecastScore | None
    """How the forecast came out; None for a neighbour, or without a loss."""


@dataclass(frozen=True, slots=True)
class Validation:
    """A forecast and what came of it."""

    predicted: PredictedOptimum
    """The forecast, stored before any of the runs was trained."""
    trained: tuple[Trained, ...]
    """The optimum's runs by seed, then its neighbours."""

    @property
    def complete(self) -> bool:
        """Whether every run ended with a loss."""
        return all(one.run.loss is not None for one in self.trained)

    @property
    def best_neighbour(self) -> Trained | None:
        """The neighbour with the lowest loss; None if none was trained."""
        scored = [one for one in self.trained if one.factor != 1 and one.run.loss is not None]
        return min(scored, key=lambda one: one.run.loss or 0.0, default=None)

    @property
    def optimum_loss(self) -> float | None:
        """Mean loss of the predicted optimum over its seeds; None without one."""
        losses = [one.run.loss for one in self.trained if one.factor == 1 and one.run.loss is not None]
        return sum(losses) / len(losses) if losses else None


@dataclass(frozen=True, slots=True)
class ValidationRow:
    """One trained run. Each field is a column, in this order; losses are rounded to four decimals."""

    flops: float
    """Budget, training FLOPs."""
    size: str
    """Its size over the predicted optimum's, such as ×0.5."""
    predicted_params: int
    """N* as predicted."""
    trained_params: int | None
    """N of the run: the shape nearest to the predicted size."""
    seed: int | None
    """Seed."""
    predicted_loss: float
    """Predicted loss of the optimum, nats per token."""
    low: float
    """Lower end of the 95 % interval that the run is held against: see `interval_of`."""
    high: float
    """Its upper end."""
    half_width: float
    """Half its width."""
    interval_of: str
    """Whose interval it is: run, or law where the forecast has none of a run."""
    mean_low: float
    """Lower end of the law's 95 % interval: of the mean loss of many runs."""
    mean_high: float
    """Its upper end."""
    actual_loss: float | None
    """Loss of the run; None without one."""
    error: float | None
    """Actual minus predicted loss; None for a neighbour."""
    inside: bool | None
    """Whether the interval contains the actual loss; None for a neighbour."""
    interval_score: float | None
    """See ForecastScore; None for a neighbour."""
    run: str
    """Id of the run."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON and CSV."""
        return asdict(self)


def score_forecast(predicted: PredictedOptimum, loss: float, level: float = 0.95) -> ForecastScore:
    """Error, interval score and coverage of a forecast by one run.

    Args:
        predicted: the forecast.
        loss: what its run reached, nats per token.
        level: coverage that the interval promises.
    """
    return ForecastScore(
        loss=loss,
        error=loss - predicted.loss,
        interval_score=float(interval_score(predicted.scored_by, loss, level)),
        inside=loss in predicted.scored_by,
    )


def validation_rows(result: Validation) -> list[ValidationRow]:
    """One row for each trained run: what was predicted for the optimum, and what the run reached."""
    return [_row(result.predicted, one) for one in result.trained]


def _row(predicted: PredictedOptimum, one: Trained) -> ValidationRow:
    """A trained run as a row."""
    cell, score, loss = one.run.cell, one.score, one.run.loss
    low, high = predicted.scored_by.low, predicted.scored_by.high
    return ValidationRow(
        flops=predicted.flops,
        size=f"×{one.factor:g}",
        predicted_params=round(predicted.params),
        trained_params=cell.params if cell else None,
        seed=cell.seed if cell else None,
        predicted_loss=round(predicted.loss, 4),
        low=round(low, 4),
        high=round(high, 4),
        half_width=round((high - low) / 2, 4),
        interval_of="run" if predicted.run_interval else "law",
        mean_low=round(predicted.loss_interval.low, 4),
        mean_high=round(predicted.loss_interval.high, 4),
        actual_loss=None if loss is None else round(loss, 4),
        error=round(score.error, 4) if score else None,
        inside=score.inside if score else None,
        interval_score=round(score.interval_score, 4) if score else None,
        run=one.run.id,
    )


def _passes(result: Validation) -> list[str]:
    """That the runs repeat tokens, where they do."""
    cell = result.trained[0].run.cell
    if cell is None or cell.epochs <= FRESH:
        return []
    unique = format_count(cell.tokens / cell.epochs)
    return [f"the data are the limit: the best model for {unique} tokens sees each {cell.epochs:.3g} times"]


def verdict(result: Validation) -> list[str]:
    """What the validation found, in plain sentences; nothing about neighbours if none was trained."""
    scores = [one.score for one in result.trained if one.score]
    inside, predicted = sum(score.inside for score in scores), result.predicted
    interval = predicted.scored_by
    said = f"{inside} of {len(scores)} runs lie inside {interval.low:.3f} to {interval.high:.3f}"
    if predicted.run_interval is None:
        said += ", the interval of the mean of many runs: the forecast has none of one run"
    else:
        mean = predicted.loss_interval
        said += f", the interval of one run (mean of many: {mean.low:.3f} to {mean.high:.3f})"
    sentences = [*_passes(result), said]
    best, optimum = result.best_neighbour, result.optimum_loss
    if best is None or optimum is None or best.run.loss is None:
        return sentences
    gap = best.run.loss - optimum
    if gap >= 0:
        return [*sentences, f"the predicted size beats both neighbours, the better one (×{best.factor:g}) by {gap:.4f}"]
    contained = best.run.cell is not None and best.run.cell.params in result.predicted.params_interval
    holds = "lies in" if contained else "lies outside"
    return [*sentences, f"×{best.factor:g} the predicted size is better by {-gap:.4f} and {holds} N*'s interval"]

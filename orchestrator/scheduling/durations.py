"""How long runs will take, learned from those that ended while the sweep goes on. Pure."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterable, Sequence

from model.config import RunConfig
from model.flops import count_parameters
from model.memory import SAVED_PARAMETER_BYTES
from orchestrator.store.records import RunRecord

WIDTH = 0.5
"""Distance in ln N at which a finished run tells e times less of another."""
PRIOR = 0.1
"""Weight of the calibration beside finished runs, of which each has the weight 1 at its own size."""
LATEST = 200
"""Finished runs that are remembered: machines change."""
MINIMUM = 10
"""Finished runs with a prediction from which on the median error says something."""

CHECKPOINT_SECONDS = 0.02
"""Seconds that a checkpoint takes whatever its size: two fsyncs and a hash."""
CHECKPOINT_RATE = 2e8
"""Bytes a second at which checkpoints are hashed and written, cautiously."""
LOSS_PRIOR = 6 * 3600.0
"""Device-seconds in which one loss is expected before there is experience: preemptible machines live for hours."""
SHORTEST_INTERVAL, LONGEST_INTERVAL = 5.0, 1800.0
"""Bounds of a checkpoint interval, seconds."""


class Forecast:
    """Predicts seconds of runs: the calibration's, times what finished runs of like size took more.

    The correction is the kernel-weighted mean of ln(actual ÷ calibrated) over ln N (Nadaraya 1964, Watson 1964), drawn
    towards none by PRIOR. Evaluation takes what so many tokens of training take, learned as their median number, and
    getting under way (opening the data, choosing an implementation, reading a checkpoint) a median of seconds.
    """

    def __init__(self) -> None:
        self._ratios: deque[tuple[float, float]] = deque(maxlen=LATEST)
        self._tokens: deque[float] = deque(maxlen=LATEST)
        self._startups: deque[float] = deque(maxlen=LATEST)
        self._corrections: dict[float, float] = {}
        """The correction at each N that was asked for since the last run was learned: a sweep has few sizes."""

    @classmethod
    def of(cls, runs: Iterable[RunRecord]) -> Forecast:
        """What the finished ones among some runs teach."""
        made = cls()
        for run in runs:
            made.learn(run)
        return made

    def learn(self, run: RunRecord) -> None:
        """Learn from a finished run; its `seconds` leave out repeated steps, so resumed ones teach as much."""
        result, base = run.result or {}, _calibrated(run)
        if not run.seconds or not base:
            return
        self._ratios.append((math.log(params_of(run)), math.log(run.seconds / base)))
        self._corrections.clear()
        evaluation, tokens = result.get("evaluation_seconds"), result.get("tokens")
        if evaluation and tokens:
            self._tokens.append(evaluation / run.seconds * tokens)
        if "startup_seconds" in result:
            self._startups.append(result["startup_seconds"])

    def __len__(self) -> int:
        """Number of finished runs that it goes by."""
        return len(self._ratios)

    def seconds(self, run: RunRecord) -> float | None:
        """Predicted seconds, as `run_seconds` gives the actual ones; None without a calibration."""
        base = _calibrated(run)
        if base is None:
            return None
        if not self._ratios:
            return base
        training = base * self.correction(params_of(run))
        tokens = run.cell and run.cell.tokens
        evaluation = statistics.median(self._tokens) / tokens * training if self._tokens and tokens else 0.0
        startup = statistics.median(self._startups) if self._startups else 0.0
        return training + evaluation + startup

    def correction(self, params: float) -> float:
        """Actual over calibrated training seconds at N; 1 before any run ended."""
        if not self._ratios:
            return 1.0
        if params not in self._corrections:
            here = math.log(params)
            # However far the nearest size, it still says more than the calibration: weights are relative to it.
            distances = [abs(size - here) for size, _ in self._ratios]
            nearest = min(distances)
            weights = [math.exp((nearest - d) / WIDTH) for d in distances]
            total = math.fsum(w * ratio for w, (_, ratio) in zip(weights, self._ratios, strict=True))
            self._corrections[params] = math.exp(total / (math.fsum(weights) + PRIOR))
        return self._corrections[params]


def run_seconds(run: RunRecord) -> float | None:
    """Seconds that a finished run took: training, repeated steps left out, evaluation, and getting under way."""
    if run.seconds is None:
        return None
    result = run.result or {}
    return run.seconds + float(result.get("evaluation_seconds", 0.0)) + float(result.get("startup_seconds", 0.0))


def median_error(runs: Sequence[RunRecord]) -> float | None:
    """Median of |predicted ÷ actual - 1| over finished runs; None with fewer than MINIMUM."""
    pairs = [(r.predicted_seconds, run_seconds(r)) for r in runs]
    errors = [abs(predicted / actual - 1) for predicted, actual in pairs if predicted and actual]
    return statistics.median(errors) if len(errors) >= MINIMUM else None


def _calibrated(run: RunRecord) -> float | None:
    """Training seconds by the calibration alone: what plan and scheduler predict is corrected already."""
    cell = run.cell
    # Cells of earlier releases have the plan's prediction alone.
    planned = cell and (cell.calibrated_seconds or cell.predicted_seconds)
    return planned or run.predicted_seconds or None


def params_of(run: RunRecord) -> float:
    """N of a run: from its cell, or counted."""
    return float(run.cell.params if run.cell else count_parameters(RunConfig.from_dict(run.config).model).matmul)


def checkpoint_interval(params: float, device_seconds: float, losses: int) -> float:
    """Training seconds between two checkpoints of a run that cost it the least: √(2 · δ · M).

    δ is what writing one takes and M the mean time between losses of a worker (Young 1974; Daly 2006, equation 13,
    whose further terms are below a hundredth here). M is learned: `losses` in `device_seconds`, beside one in
    LOSS_PRIOR.
    """
    write = CHECKPOINT_SECONDS + SAVED_PARAMETER_BYTES * params / CHECKPOINT_RATE
    between = (LOSS_PRIOR + device_seconds) / (1 + losses)
    return min(max(math.sqrt(2 * write * between), SHORTEST_INTERVAL), LONGEST_INTERVAL)

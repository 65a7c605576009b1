"""What finished runs teach about how long runs take: corrections to a calibration's seconds. Pure."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterable, Sequence

from model.config import RunConfig
from model.flops import count_parameters
from model.memory import SAVED_PARAMETER_BYTES
from orchestrator.store.records import LostAttempts, RunRecord
from tokenizer.errors import ExpectedError

WIDTH = 0.5
"""Distance in ln N at which the weight of a finished run falls by a factor of e."""
PRIOR = 0.1
"""Weight of the calibration; a finished run of the nearest size has weight 1."""
LATEST = 200
"""Finished runs that are remembered: machines change."""
MINIMUM = 10
"""Fewest finished runs with a prediction for which a median error is reported."""

CHECKPOINT_SECONDS = 0.02
"""Seconds that a checkpoint of any size takes: two fsyncs and a hash."""
CHECKPOINT_RATE = 2e8
"""Bytes a second at which checkpoints are hashed and written, a cautious estimate."""
LOST_ATTEMPT_PRIOR = 6 * 3600.0
"""Assumed device-seconds between lost attempts before there is experience: preemptible machines live for hours."""
SHORTEST_INTERVAL, LONGEST_INTERVAL = 5.0, 1800.0
"""Bounds of a checkpoint interval, seconds."""


class Durations:
    """Predicts the seconds of runs: those of the calibration, corrected by finished runs of similar size.

    The correction is the kernel-weighted mean of ln(actual ÷ calibrated) over ln N (Nadaraya 1964, Watson 1964),
    shrunk towards no correction by PRIOR. Evaluation is counted as a number of training tokens, the median of finished
    runs, and the start of a run (opening the data, choosing an implementation, reading a checkpoint) as their median
    of seconds.
    """

    def __init__(self) -> None:
        """Begin with nothing learned: predictions are the calibration's."""
        self._ratios: deque[tuple[float, float]] = deque(maxlen=LATEST)
        self._tokens: deque[float] = deque(maxlen=LATEST)
        self._startups: deque[float] = deque(maxlen=LATEST)
        self._corrections: dict[float, float] = {}
        """Corrections by N since the last finished run was learned: a sweep has few sizes."""

    @classmethod
    def of(cls, runs: Iterable[RunRecord]) -> Durations:
        """Learned from the finished ones among some runs."""
        made = cls()
        for run in runs:
            made.learn(run)
        return made

    def learn(self, run: RunRecord) -> None:
        """Learn from a finished run; one that resumed counts as much, for its `seconds` leave out repeated steps."""
        result, base, params = run.result or {}, _calibrated(run), _readable_params(run)
        if not (run.seconds and run.seconds > 0 and base and base > 0 and params):
            return
        self._ratios.append((math.log(params), math.log(run.seconds / base)))
        self._corrections.clear()
        evaluation, tokens = result.get("evaluation_seconds"), result.get("tokens")
        if evaluation and tokens:
            self._tokens.append(evaluation / run.seconds * tokens)
        if "startup_seconds" in result:
            self._startups.append(result["startup_seconds"])

    def __len__(self) -> int:
        """Number of finished runs that it has learned from."""
        return len(self._ratios)

    def seconds(self, run: RunRecord) -> float | None:
        """Predicted seconds, comparable with `run_seconds`; None without a calibration."""
        base = _calibrated(run)
        if base is None:
            return None
        if not self._ratios:
            return base
        params = _readable_params(run)
        training = base * self.correction(params) if params else base
        tokens = run.cell and run.cell.tokens
        evaluation = statistics.median(self._tokens) / tokens * training if self._tokens and tokens else 0.0
        startup = statistics.median(self._startups) if self._startups else 0.0
        return training + evaluation + startup

    def correction(self, params: float) -> float:
        """Ratio of actual to calibrated training seconds at N; 1 before any run has finished."""
        if not self._ratios:
            return 1.0
        if params not in self._corrections:
            log_n = math.log(params)
            # The nearest size has weight 1 at any distance: it predicts better than the calibration.
            distances = [abs(size - log_n) for size, _ in self._ratios]
            nearest = min(distances)
            weights = [math.exp((nearest - d) / WIDTH) for d in distances]
            total = math.fsum(w * ratio for w, (_, ratio) in zip(weights, self._ratios, strict=True))
            self._corrections[params] = math.exp(total / (math.fsum(weights) + PRIOR))
        return self._corrections[params]


def run_seconds(run: RunRecord) -> float | None:
    """Seconds that a finished run took: its start, training without repeated steps, and evaluation; None if unknown."""
    if run.seconds is None:
        return None
    result = run.result or {}
    return run.seconds + float(result.get("evaluation_seconds", 0.0)) + float(result.get("startup_seconds", 0.0))


def median_error(runs: Sequence[RunRecord]) -> float | None:
    """Median of |predicted ÷ actual - 1| over finished runs; None for fewer than MINIMUM."""
    pairs = [(r.predicted_seconds, run_seconds(r)) for r in runs]
    errors = [abs(predicted / actual - 1) for predicted, actual in pairs if predicted and actual]
    return statistics.median(errors) if len(errors) >= MINIMUM else None


def _calibrated(run: RunRecord) -> float | None:
    """Training seconds by the calibration alone: the predictions of plan and scheduler are corrected already."""
    cell = run.cell
    # Cells of earlier releases have the plan's prediction alone.
    planned = cell and (cell.calibrated_seconds or cell.predicted_seconds)
    return planned or run.predicted_seconds or None


def params_of(run: RunRecord) -> float:
    """N of a run: from its cell, or counted."""
    return float(run.cell.params if run.cell else count_parameters(RunConfig.from_dict(run.config).model).matmul)


def _readable_params(run: RunRecord) -> float | None:
    """N of a run; None if it has none that can be read, for a damaged row must not keep others from a prediction."""
    try:
        params = params_of(run)
    except (ExpectedError, KeyError, TypeError, ValueError):
        return None
    return params if params > 0 else None


def checkpoint_interval(params: float, lost: LostAttempts) -> float:
    """Training seconds between two checkpoints that lose the least time of a run of N parameters: √(2 · δ · M).

    δ is the time to write a checkpoint and M the mean device-seconds between lost attempts (Young 1974; Daly 2006,
    equation 13, whose further terms are below a hundredth here). M is learned from what was lost so far, with one lost
    attempt in LOST_ATTEMPT_PRIOR as the prior.
    """
    write = CHECKPOINT_SECONDS + SAVED_PARAMETER_BYTES * params / CHECKPOINT_RATE
    between = (LOST_ATTEMPT_PRIOR + lost.device_seconds) / (1 + lost.count)
    return min(max(math.sqrt(2 * write * between), SHORTEST_INTERVAL), LONGEST_INTERVAL)

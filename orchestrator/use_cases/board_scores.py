"""What a board's scoring computes: bits per byte on the hidden file, a baseline's frontier, a law's forecast."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from analysis.answers.ask import Question
from analysis.answers.frontier import Frontier
from analysis.law import fit
from analysis.records import LawError
from analysis.table.table import RunTable
from orchestrator.boards import Baseline, BoardError, Forecast
from orchestrator.use_cases.sweep_answers import SweepAnswers
from tokenizer.building import TOKENIZER_FILE
from tokenizer.loading import load_tokenizer
from tokenizer.shards import ShardError, read_manifest
from tokenizer.vocabulary import TokenizerError

log = logging.getLogger("isoflop.boards")


class Compute(Protocol):
    """Carries out a function of a module, in this process or in another one."""

    def __call__(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        """What the function returns."""
        ...


@dataclass(frozen=True, slots=True)
class Weights:
    """Where a finished run's model lies."""

    run: str
    """Id of the run."""
    checkpoints: Path
    """Folder of its final checkpoint."""
    dataset: Path
    """Folder of its dataset, with the tokenizer."""


def here(function: Callable[..., Any], /, *arguments: Any) -> Any:
    """Carry out a function in this process."""
    return function(*arguments)


def score_runs(runs: Sequence[Weights], text: str) -> tuple[float, ...]:
    """Bits per byte of each run's model on a text. Raises BoardError, which names no file of the service."""
    from model.sample import SampleError, load_trained
    from model.text_score import bits_per_byte

    scores = []
    for run in runs:
        try:
            model, config = load_trained(run.checkpoints)
            tokenizer = load_tokenizer(run.dataset / TOKENIZER_FILE)
            known = config.dataset == run.dataset.name and tokenizer.hash == read_manifest(run.dataset).tokenizer
        except (SampleError, TokenizerError, ShardError) as error:
            log.warning("run %s cannot be scored: %s", run.run, error)
            raise BoardError(f"the weights of run {run.run} or its tokenizer are not kept: train it again") from None
        if not known:
            raise BoardError(f"run {run.run} was not trained with the tokenizer that lies beside its dataset")
        ids = tokenizer.encode(text)
        if tokenizer.decode(ids) != text:
            raise BoardError(f"the tokenizer of run {run.run} loses parts of the hidden file: it has no bits per byte")
        scores.append(bits_per_byte(model, [tokenizer.bos_id, *ids], len(text.encode()), config.train.numerics))
    return tuple(scores)


def baseline_of(name: str, table: pd.DataFrame, runs: Sequence[Weights], text: str) -> Baseline:
    """The frontier of a baseline's runs on the hidden file: `table` has flops, params, tokens and seed of each.

    Raises BoardError where these scores give no law.
    """
    scored = table.assign(loss=score_runs(runs, text))
    try:
        law = fit(RunTable.from_frame(scored, loss_unit="bits/byte"))
        frontier = Frontier.of(law, 1.0)
    except LawError as error:
        raise BoardError(
            f"the scores of baseline {name} on the hidden file give no law: {error} Take a longer text, or one that is "
            "more like the corpus, or open the board without a baseline"
        ) from error
    return Baseline(
        sweep=name,
        log_flops=tuple(frontier.log_flops.tolist()),
        losses=tuple(frontier.losses.tolist()),
        halves=tuple(frontier.halves.tolist()),
        largest=frontier.largest,
        sigma=law.noise.seed_sigma,
        freedom=law.noise.seed_degrees_of_freedom,
    )


def forecast_of(answers: SweepAnswers, target: float) -> Forecast:
    """What a sweep's law forecasts for a budget; its interval is that of the loss which one run will have.

    Raises BoardError, which does not say what the budget is.
    """
    try:
        answers.law("")
    except LawError as error:
        raise BoardError(f"{answers.name} gives no law: {error}") from None
    try:
        prediction = answers.reply("", Question(flops=target)).prediction
    except LawError:
        raise BoardError(f"the law of {answers.name} does not reach as far as the board's budget") from None
    interval = prediction.run_interval or prediction.loss_interval
    return Forecast(prediction.params, prediction.tokens, prediction.loss, interval.low, interval.high)

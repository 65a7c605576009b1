"""What scoring computes: bits per byte by the weights themselves, a baseline's frontier, a law's forecast."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.answers.ask import Question
from model.text_score import bits_per_byte
from orchestrator.boards import BoardError
from orchestrator.use_cases import board_scores
from orchestrator.use_cases.board_entries import weights_of_runs
from orchestrator.use_cases.board_scores import baseline_of, forecast_of, here, score_runs
from orchestrator.use_cases.sweep_answers import SweepAnswers
from tests.unit.analysis.law_tables import small, sweep
from tests.unit.orchestrator.use_cases.board_homes import HIDDEN, board_home
from tokenizer.vocabulary import PieceTokenizer


def test_a_run_is_scored_by_its_weights_with_its_own_tokenizer(tmp_path: Path) -> None:
    home = board_home(tmp_path)
    home.run("run0", "ann")
    model, tokenizer = home.train("run0"), PieceTokenizer("byte", [])
    weights = weights_of_runs(home.workspace, [home.workspace.store.run("run0")])
    (score,) = here(score_runs, weights, HIDDEN)
    ids = [tokenizer.bos_id, *tokenizer.encode(HIDDEN)]
    assert score == pytest.approx(bits_per_byte(model, ids, len(HIDDEN.encode()), "fp32"))
    assert 7.5 < score < 9, "an untrained model needs about a byte for a byte"


def test_a_tokenizer_that_was_put_there_later_is_refused(tmp_path: Path) -> None:
    home = board_home(tmp_path)
    home.run("run0", "ann")
    home.train("run0")
    definition = PieceTokenizer("character", ["a", "b"]).to_json()
    (home.workspace.home.artifacts / home.dataset / "tokenizer.json").write_text(definition, encoding="utf-8")
    weights = weights_of_runs(home.workspace, [home.workspace.store.run("run0")])
    with pytest.raises(BoardError, match="run run0 was not trained with the tokenizer that lies beside its dataset"):
        score_runs(weights, HIDDEN)


def test_a_tokenizer_that_loses_parts_of_the_hidden_file_has_no_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = board_home(tmp_path)
    home.run("run0", "ann")
    home.train("run0")
    monkeypatch.setattr(PieceTokenizer, "decode", lambda *_: HIDDEN.replace("ö", "?"))
    with pytest.raises(BoardError, match="the tokenizer of run run0 loses parts of the hidden file"):
        score_runs(weights_of_runs(home.workspace, [home.workspace.store.run("run0")]), HIDDEN)


def test_weights_that_are_gone_are_named_without_their_folder(tmp_path: Path) -> None:
    home = board_home(tmp_path)
    home.run("run0", "ann")
    weights = weights_of_runs(home.workspace, [home.workspace.store.run("run0")])
    with pytest.raises(BoardError, match="the weights of run run0 or its tokenizer are not kept") as refused:
        score_runs(weights, HIDDEN)
    assert str(tmp_path) not in str(refused.value)


def test_a_baseline_is_the_law_of_its_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    table = sweep(small, (1e11, 3e11, 1e12), sizes=7, noise=0.002)
    frame = table[["flops", "params", "tokens"]]
    scores = table["loss"].tolist()
    monkeypatch.setattr(board_scores, "score_runs", lambda runs, text: tuple(scores))
    made = baseline_of("lab@1", frame, (), HIDDEN)
    assert made.largest == pytest.approx(1e12)
    assert made.losses[0] > made.losses[-1] and len(made.losses) == len(made.log_flops) == len(made.halves) == 80
    with pytest.raises(BoardError, match="baseline lab@1 on the hidden file give no law"):
        monkeypatch.setattr(board_scores, "score_runs", lambda runs, text: tuple(scores[:3]))
        baseline_of("lab@1", frame[:3], (), HIDDEN)


def test_a_law_forecasts_without_saying_the_budget_that_it_does_not_reach(lab: SweepAnswers) -> None:
    forecast = forecast_of(lab, 1e13)
    prediction = lab.reply("", Question(flops=1e13)).prediction
    assert prediction.run_interval is not None, "a forecast is of what one run will have"
    assert (forecast.low, forecast.high) == (prediction.run_interval.low, prediction.run_interval.high)
    assert forecast.low < forecast.loss < forecast.high and forecast.params * forecast.tokens * 6 < 1.05e13
    with pytest.raises(BoardError) as refused:
        forecast_of(lab, 7.654321e39)
    assert "does not reach as far as the board's budget" in str(refused.value)
    assert not any(digits in str(refused.value) for digits in ("7.65", "e39", "10³⁹"))
    assert refused.value.__cause__ is None and refused.value.__suppress_context__

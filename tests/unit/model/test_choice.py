"""The stored choice of implementation: measured once, the same for every attempt, and bit-equal on resumption."""

from __future__ import annotations

import dataclasses
import json
from itertools import cycle
from pathlib import Path

import pytest

from model import choice
from model.checkpoint import Checkpoints
from model.choice import candidates, stored_implementation
from model.cpu import build
from model.implementation import Implementation
from model.train import Interrupted, train
from tests.unit.model.model_data import SHAPE, small_run, write_dataset
from tests.unit.model.test_train import ignore, interrupt_at, outcome


def test_choice_is_measured_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = small_run(write_dataset(tmp_path / "data"))
    first = stored_implementation(run, "cpu", tmp_path / "choices")
    assert first in candidates(run, "cpu")
    (file,) = (tmp_path / "choices").iterdir()
    monkeypatch.setattr(choice, "_fastest", lambda *_: pytest.fail("measured twice"))
    assert stored_implementation(run, "cpu", tmp_path / "choices") == first
    longer = dataclasses.replace(run, train=dataclasses.replace(run.train, sequences=99, seed=4))
    assert stored_implementation(longer, "cpu", tmp_path / "choices") == first
    other = Implementation(attention="fused")
    file.write_text(json.dumps({"implementation": other.to_dict()}))
    assert stored_implementation(run, "cpu", tmp_path / "choices") == other, "what is stored decides"


def test_another_shape_batch_or_profile_is_another_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = small_run(write_dataset(tmp_path / "data"))
    monkeypatch.setattr(choice, "_fastest", lambda *_: Implementation())
    variants = [
        run,
        dataclasses.replace(run, model=dataclasses.replace(SHAPE, d_ff=40)),
        dataclasses.replace(run, train=dataclasses.replace(run.train, batch=5)),
        dataclasses.replace(run, train=dataclasses.replace(run.train, numerics="bf16")),
    ]
    for variant in variants:
        stored_implementation(variant, "cpu", tmp_path / "choices")
    assert len(list((tmp_path / "choices").iterdir())) == len(variants)


def test_first_to_store_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While this process measures, another stores its own choice."""
    run = small_run(write_dataset(tmp_path / "data"))
    theirs = Implementation(attention="fused")

    def slow(*_: object) -> Implementation:
        monkeypatch.setattr(choice, "_fastest", lambda *_: theirs)
        assert stored_implementation(run, "cpu", tmp_path / "choices") == theirs
        return Implementation()

    monkeypatch.setattr(choice, "_fastest", slow)
    assert stored_implementation(run, "cpu", tmp_path / "choices") == theirs


def test_fastest_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = small_run(write_dataset(tmp_path / "data"))
    ways = candidates(run, "cpu")
    assert ways[0].branches == ("native" if build.compiler() else "handwritten")
    for best in range(len(ways)):
        medians = cycle([0.1 - 0.05 * (n == best) for n in range(len(ways))])
        monkeypatch.setattr(choice, "times", lambda *_, medians=medians: [next(medians)])
        assert choice._fastest(run, choice.torch.device("cpu")) == ways[best]
    burst = iter([0.1, 0.03, 0.02, 0.03, 0.02, 0.03])
    monkeypatch.setattr(choice, "times", lambda *_: [next(burst)])
    assert choice._fastest(run, choice.torch.device("cpu")) == ways[0], "a burst in one turn decides nothing"
    alike = cycle([0.02, 0.019])
    monkeypatch.setattr(choice, "times", lambda *_: [next(alike)])
    assert choice._fastest(run, choice.torch.device("cpu")) == ways[0], "nor does a difference within noise"
    clear = iter([0.02, 0.04])
    monkeypatch.setattr(choice, "times", lambda *_: [next(clear)])
    assert choice._fastest(run, choice.torch.device("cpu")) == ways[0], "a clear lead needs no second turn"
    slow = iter([choice.STEP_SECONDS_MAX + 0.1])
    monkeypatch.setattr(choice, "times", lambda *_: [next(slow)])
    assert choice._fastest(run, choice.torch.device("cpu")) == ways[0]


def test_resumed_run_is_bit_equal_under_the_stored_choice(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data")
    run, checkpoints = small_run(data, sequences=81), Checkpoints(tmp_path / "c")
    whole = train(run, data, ignore, implementation=stored_implementation(run, "cpu", tmp_path / "choices"))
    with pytest.raises(Interrupted):
        chosen = stored_implementation(run, "cpu", tmp_path / "choices")
        train(run, data, ignore, checkpoints, stop=interrupt_at(9), implementation=chosen)
    chosen = stored_implementation(run, "cpu", tmp_path / "choices")
    result = train(run, data, ignore, checkpoints, implementation=chosen)
    assert result.resumed_from_step == 9
    assert outcome(result) == outcome(whole)

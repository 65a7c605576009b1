"""The stored choice of implementation: measured once, the same for every attempt, and bit-equal on resumption."""

from __future__ import annotations

import dataclasses
import json
from itertools import cycle
from pathlib import Path

import pytest

from model import choice, implementation
from model.checkpoint import Checkpoints
from model.choice import candidates, stored_implementation
from model.config import RunConfig
from model.flops import flops_per_token
from model.implementation import Implementation
from model.train import Interrupted, train
from tests.unit.model.model_data import CHOSEN, CPU, SHAPE, ignore, interrupt_at, scores, small_run
from tokenizer.shards import Shards


def test_choice_is_measured_once_and_kept(data: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = small_run(data)
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


def test_another_shape_batch_or_profile_is_another_choice(
    data: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_run(data)
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


def test_processors_of_one_name_and_other_features_choose_apart(
    data: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "_fastest", lambda *_: Implementation())
    for features in (("avx2",), ("avx2", "avx512f")):
        monkeypatch.setattr(choice, "cpu_features", lambda features=features: features)
        stored_implementation(small_run(data), "cpu", tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"implementation": {"branches": "x"}}', b"\xff", b"[" * 10**5]
)
def test_a_damaged_choice_is_measured_anew(
    data: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(choice, "_fastest", lambda *_: Implementation(attention="fused"))
    stored_implementation(small_run(data), "cpu", tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    assert stored_implementation(small_run(data), "cpu", tmp_path) == Implementation(attention="fused")
    assert json.loads(file.read_text())["implementation"]["attention"] == "fused"


def test_first_to_store_wins(data: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While this process measures, another stores its own choice."""
    run = small_run(data)
    theirs = Implementation(attention="fused")

    def slow(*_: object) -> Implementation:
        monkeypatch.setattr(choice, "_fastest", lambda *_: theirs)
        assert stored_implementation(run, "cpu", tmp_path / "choices") == theirs
        return Implementation()

    monkeypatch.setattr(choice, "_fastest", slow)
    assert stored_implementation(run, "cpu", tmp_path / "choices") == theirs


def time_as(monkeypatch: pytest.MonkeyPatch, *seconds: float) -> None:
    """Candidates' turns take these seconds, again and again."""
    turns = cycle(seconds)
    monkeypatch.setattr(choice, "times", lambda *_: [next(turns)])


@pytest.mark.parametrize("best", [0, 1])
def test_fastest_is_chosen(data: Shards, monkeypatch: pytest.MonkeyPatch, best: int) -> None:
    run = small_run(data)
    choices = candidates(run, "cpu")
    assert [c.branches for c in choices] == ["native", "handwritten", "autograd"][CHOSEN == "handwritten" :][:2]
    time_as(monkeypatch, *(0.05 if n == best else 0.1 for n in range(2)))
    assert choice._fastest(run, CPU) == choices[best]


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ((0.1, 0.03, 0.02, 0.03, 0.02, 0.03), 0),  # a burst of other work in one turn decides nothing
        ((0.02, 0.019), 0),  # nor does a difference within noise
        ((0.02, 0.0179), 1),
        ((0.02, 0.026, 9.0, 0.001), 0),  # a clear lead needs no second turn
        ((0.02, 0.024, 9.0, 0.001), 1),
        ((choice.STEP_SECONDS_MAX + 0.01, 0.001), 0),  # and a slow default no other candidate
        ((choice.STEP_SECONDS_MAX, 0.001), 1),
    ],
)
def test_noise_does_not_choose(
    data: Shards, monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, ...], chosen: int
) -> None:
    run = small_run(data)
    time_as(monkeypatch, *seconds)
    assert choice._fastest(run, CPU) == candidates(run, "cpu")[chosen]


def test_candidates_by_default(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other attention where torch computes all; stacks on a GPU; nothing else where blocks are compiled."""
    gelu = small_run(data, dataclasses.replace(SHAPE, mlp="gelu"))
    assert [c.attention for c in candidates(gelu, "cpu")] == ["explicit", "fused"]
    long = small_run(data, dataclasses.replace(SHAPE, mlp="gelu", context=1024))
    assert [c.attention for c in candidates(long, "cpu")] == ["fused", "explicit"]
    assert [(c.stacked, c.compiled) for c in candidates(gelu, "cuda")] == [(n, False) for n in (0, *choice.STACKS)]
    wide = dataclasses.replace(gelu, model=dataclasses.replace(gelu.model, d_ff=600_000))
    assert [c.stacked for c in candidates(wide, "cuda")] == [0], "it fills a GPU by itself"
    compiled = Implementation(compiled=True)
    monkeypatch.setattr(choice, "choose_implementation", lambda *_: compiled)
    assert candidates(gelu, "cpu") == [compiled]


def test_a_stack_is_as_long_as_all_its_runs_together(
    data: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_run(data)
    flops = flops_per_token(run.model) * run.tokens
    monkeypatch.setitem(implementation.COMPILE_FLOPS, "cuda", 3 * flops)
    monkeypatch.setattr(implementation, "_compiles", lambda _: True)
    two, three = (choice.stacked_implementation(run, "cuda", n, 8) for n in (2, 3))
    assert (two.stacked, two.compiled, three.compiled, two.head) == (8, False, True, "chunked")
    forced = stored_implementation(run, "cpu", tmp_path / "none", runs=2, stacked=4)
    assert (forced.stacked, forced.branches) == (4, "autograd")
    assert not (tmp_path / "none").exists(), "nothing is measured"
    for change in ({"train": {"optimizer": "muon"}}, {"model": {"experts": 2}}):
        other = dataclasses.replace(
            run,
            model=dataclasses.replace(run.model, **change.get("model", {})),
            train=dataclasses.replace(run.train, **change.get("train", {})),
        )
        assert stored_implementation(other, "cpu", tmp_path / "other", runs=2, stacked=4).stacked == 0


def test_the_fastest_stack_is_stored(data: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are made up: a stack of 4 takes half as long for each run, one of 16 is worse."""
    run = small_run(data)
    seconds = {0: 1e-3, 1: 9.5e-4, 4: 4 * 5e-4, 16: 16 * 6e-4}
    monkeypatch.setattr(choice, "candidates", lambda *_: [Implementation(stacked=n) for n in seconds])
    monkeypatch.setattr(choice, "step_of", lambda _run, candidate, _device: candidate.stacked)
    monkeypatch.setattr(choice, "times", lambda stacked, *_: [seconds[stacked]])
    assert stored_implementation(run, "cpu", tmp_path, runs=9).stacked == 4
    monkeypatch.setattr(
        choice, "step_of", lambda _run, candidate, _device: candidate.stacked if candidate.stacked != 4 else None
    )
    other = tmp_path / "full"
    assert stored_implementation(run, "cpu", other, runs=9).stacked == 16, "a stack that does not fit is no choice"


@pytest.mark.parametrize("faster", ["padded", "separate"])
@pytest.mark.parametrize("forced", [True, False])
def test_how_batches_that_differ_step_together_is_measured_once(
    data: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faster: str, forced: bool
) -> None:
    timed: list[tuple[str, list[int]]] = []

    def together(runs: list[RunConfig], candidate: Implementation, _device: object) -> object:
        timed.append((candidate.batches, [run.train.batch for run in runs]))
        return candidate.batches

    monkeypatch.setattr(choice, "_fastest", lambda *_: Implementation(stacked=3))
    monkeypatch.setattr(choice, "_together", together)
    monkeypatch.setattr(choice, "times", lambda batches, *_: [1e-3 if batches == faster else 2e-3])
    run = small_run(data)
    given: dict[str, int] = {"runs": 5, "stacked": 3 * forced}
    for _ in range(2):
        chosen = stored_implementation(run, "cpu", tmp_path, **given, smallest=3)
        assert (chosen.stacked, chosen.batches) == (3, faster)
    assert timed == [(batches, [4, 3, 4]) for batches in ("padded", "separate")]
    for smallest in (0, 4):
        assert stored_implementation(run, "cpu", tmp_path, **given, smallest=smallest).batches == "padded"
    assert len(timed) == 2, "batches of one size are not timed"


def test_a_mixed_stack_is_timed_for_real(data: Shards, tmp_path: Path) -> None:
    chosen = stored_implementation(small_run(data), "cpu", tmp_path, stacked=2, smallest=3)
    assert (chosen.stacked, chosen.batches in ("padded", "separate")) == (2, True)
    assert json.loads(next(tmp_path.iterdir()).read_text())["implementation"]["batches"] == chosen.batches


@pytest.mark.parametrize("seconds", [(1e-3, 2e-3), (1e-3, 0.95e-3), (1.0, 0.1)])
def test_the_default_is_compiled_where_that_pays_although_it_was_timed_without(
    data: Shards, monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, float]
) -> None:
    """It settles at once, is nearly the fastest at the end, or takes too long to be timed beside others."""
    compiled = Implementation(attention="fused", head="chunked", compiled=True)
    timed = [dataclasses.replace(compiled, compiled=False, stacked=stacked) for stacked in (0, 1)]
    monkeypatch.setattr(choice, "choose_implementation", lambda *_: compiled)
    monkeypatch.setattr(choice, "candidates", lambda *_: timed)
    monkeypatch.setattr(choice, "step_of", lambda _run, candidate, _device: candidate.stacked)
    monkeypatch.setattr(choice, "times", lambda stacked, *_: [seconds[stacked]])
    assert choice._fastest(small_run(data), CPU) == compiled


@pytest.mark.parametrize("stacked", [0, 1, 3])
def test_a_candidate_takes_a_step_of_all_its_runs(data: Shards, stacked: int) -> None:
    step = choice.step_of(small_run(data), Implementation(stacked=stacked), CPU)
    assert step is not None
    step()


def test_resumed_run_is_bit_equal_under_the_stored_choice(data: Shards, tmp_path: Path) -> None:
    run, checkpoints = small_run(data, sequences=81), Checkpoints(tmp_path / "c")
    whole = train(run, data, ignore, implementation=stored_implementation(run, "cpu", tmp_path / "choices"))
    with pytest.raises(Interrupted):
        chosen = stored_implementation(run, "cpu", tmp_path / "choices")
        train(run, data, ignore, checkpoints, stop=interrupt_at(9), implementation=chosen)
    chosen = stored_implementation(run, "cpu", tmp_path / "choices")
    result = train(run, data, ignore, checkpoints, implementation=chosen)
    assert result.resumed_from_step == 9
    assert scores(result) == scores(whole)

"""Training on a real GPU: no waiting in the step, the same losses as on a CPU, memory that runs out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from model.batches import Batches
from model.config import ModelConfig, RunConfig
from model.implementation import Implementation, choose_implementation
from model.profile import profile
from model.stacked.stack import Stack
from model.stacked.train import Member, train_stacked
from model.synthetic import DATASET, synthetic_shards
from model.train import train
from model.training import Training
from tests.unit.model.model_data import small_run, write_dataset
from tokenizer.shards import Shards

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    # torch warns of itself when it compiles, and when it is asked to refuse synchronisation.
    pytest.mark.filterwarnings("default"),
]

GPU = Implementation(attention="fused", head="chunked")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return write_dataset(tmp_path_factory.mktemp("shards"))


def ignore(event: dict[str, Any]) -> None:
    del event


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("numerics", "tolerance"), [("fp32", 1e-3), ("bf16", 0.02)])
def test_losses_are_those_of_a_cpu(data: Shards, compiled: bool, numerics: str, tolerance: float) -> None:
    run = small_run(data, sequences=160, numerics=numerics)
    on_cpu = train(small_run(data, sequences=160), data, ignore)
    result = train(run, data, ignore, device="cuda", implementation=dataclasses.replace(GPU, compiled=compiled))
    assert result.loss == pytest.approx(on_cpu.loss, rel=tolerance)
    assert result.memory_bytes > 0
    assert 0 < result.mfu < 1


def test_step_never_waits_for_the_device(data: Shards) -> None:
    run = small_run(data, sequences=400, numerics="bf16")
    training = Training(run, GPU, torch.device("cuda"))
    batches = Batches(run, data, training.device)
    for step in range(3):
        training.take_step(batches.at(step))
    torch.cuda.set_sync_debug_mode("error")
    try:
        for step in range(3, 20):
            training.take_step(batches.at(step))
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("numerics", "tolerance"), [("fp32", 2e-4), ("bf16", 0.02)])
def test_a_captured_stack_has_the_losses_of_single_runs(
    data: Shards, compiled: bool, numerics: str, tolerance: float
) -> None:
    implementation = dataclasses.replace(GPU, compiled=compiled)
    lengths = (160, 147, 90)
    runs = [small_run(data, sequences=n, seed=seed, numerics=numerics) for seed, n in enumerate(lengths)]
    ends: dict[int, Any] = {}
    members = [
        Member(run, data, ignore, lambda how, _, index=index: ends.update({index: how}))
        for index, run in enumerate(runs)
    ]
    train_stacked(members, "cuda", dataclasses.replace(implementation, stacked=8))
    assert sorted(ends) == [0, 1, 2]
    for index, run in enumerate(runs):
        alone = train(run, data, ignore, device="cuda", implementation=implementation)
        assert ends[index].loss == pytest.approx(alone.loss, rel=tolerance)
        assert ends[index].steps == alone.steps


def test_a_captured_step_never_waits_for_the_device(data: Shards) -> None:
    runs = [small_run(data, sequences=400, seed=seed, numerics="bf16") for seed in range(3)]
    members = [Training(run, GPU, torch.device("cuda")) for run in runs]
    batches = [Batches(run, data, member.device) for run, member in zip(runs, members, strict=True)]
    stack = Stack(members)
    assert stack.captured

    def step() -> None:
        stack.take_step({m: b.at(m.step) for m, b in zip(members, batches, strict=True)})

    step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(10):
            step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_large_vocabulary_does_not_fill_memory() -> None:
    """32 k tokens of logits over 65,536 entries would take 8.6 GB in fp32."""
    shape = ModelConfig(vocab=65_536, context=1024, d_model=128, n_layers=1, n_heads=2, d_ff=256)
    run = RunConfig(shape, dataclasses.replace(small_run_train(), batch=32), DATASET)
    training = Training(run, GPU, torch.device("cuda"))
    batches = Batches(run, synthetic_shards(shape.vocab, 100_000), training.device)
    torch.cuda.reset_peak_memory_stats()
    training.take_step(batches.at(0))
    assert torch.cuda.max_memory_allocated() < 3e9


def small_run_train() -> Any:
    from model.config import TrainConfig

    return TrainConfig(sequences=64, batch=4, lr=0.005, numerics="bf16")


def test_memory_that_runs_out_halves_the_micro_batch() -> None:
    """The memory model is told that all fits; the allocator says otherwise."""
    shape = ModelConfig(vocab=512, context=256, d_model=256, n_layers=4, n_heads=4, d_ff=1024)
    train_config = dataclasses.replace(small_run_train(), batch=64)
    run = RunConfig(shape, train_config, DATASET)
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(min(1.0, 1.0e9 / total), 0)
    try:
        training = Training(run, dataclasses.replace(GPU, micro_batch=64), torch.device("cuda"))
        training.take_step(Batches(run, synthetic_shards(512, 100_000), training.device).at(0))
        assert training.micro_batch < 64
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, 0)


def test_profile_tells_where_time_goes(tmp_path: Path) -> None:
    run = RunConfig(ModelConfig(512, 256, 128, 2, 2, 256), small_run_train(), DATASET)
    measured = profile(run, "cuda", seconds=0.2, trace=tmp_path / "trace.json")
    assert 0 < measured.mfu < 1
    assert measured.seconds["attention"] > 0 and measured.seconds["gaps"] > 0
    assert choose_implementation(run.model, run.train, "cuda").head == "chunked"

"""Stacks against single runs: the same losses and weights, over odd shapes, numbers of runs, batches and lengths."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from model.batches import Batches
from model.config import ConfigError, ModelConfig, RunConfig
from model.divergence import LOSS_WINDOW
from model.implementation import Implementation
from model.stacked.stack import Stack
from model.training import Training
from tests.unit.model.model_data import CPU, SHAPE, small_run
from tokenizer.shards import Shards

TOLERANCE = 1e-5
"""Nats by which a stacked run's training losses may differ from the single run's, in fp32 on a CPU over 200 steps."""


def runs_of(data: Shards, count: int, shape: ModelConfig = SHAPE, **train: Any) -> list[RunConfig]:
    """Runs of one shape with different seeds, rates, decays and limits of the gradient."""
    varied: list[dict[str, Any]] = [
        {},
        {"lr": 0.002, "clip": 0.0},
        {"weight_decay": 0.3, "beta2": 0.95},
        {"clip": 0.05},
    ]
    return [small_run(data, shape, **({"seed": seed} | varied[seed % len(varied)] | train)) for seed in range(count)]


def largest_difference(
    runs: list[RunConfig], data: Shards, steps: int, implementation: Implementation
) -> tuple[float, list[Training], list[Training]]:
    """Train each run alone, and all together: the largest difference of losses, and both states."""
    alone = [Training(run, implementation, CPU) for run in runs]
    joined = [Training(run, implementation, CPU) for run in runs]
    batches = [Batches(run, data, CPU) for run in runs]
    stack = Stack(joined)
    worst = 0.0
    for step in range(steps):
        parts = [batch.at(step) for batch in batches]
        for single, part in zip(alone, parts, strict=True):
            single.take_step(part)
        stack.take_step(dict(zip(joined, parts, strict=True)))
        place = step % LOSS_WINDOW
        pairs = zip(alone, joined, strict=True)
        worst = max([worst] + [abs(a.losses[place].item() - b.losses[place].item()) for a, b in pairs])
    stack.release()
    return worst, alone, joined


ODD = dataclasses.replace(SHAPE, context=7, d_model=18, n_heads=3, d_ff=11, n_layers=3)


@pytest.mark.parametrize("head", ["whole", "chunked"])
@pytest.mark.parametrize(
    ("runs", "shape"),
    [
        (1, SHAPE),
        (8, ODD),
        (3, dataclasses.replace(SHAPE, biases=True, norm_weights=True, mlp="gelu", logit_cap=5.0)),
        (3, dataclasses.replace(SHAPE, tied_head=True, rope_base=0.0, qk_norm=False)),
        (2, dataclasses.replace(ODD, kv_heads=1, window=3, window_pattern="SL", mlp="relu2")),
    ],
)
def test_losses_are_those_of_single_runs(data: Shards, runs: int, shape: ModelConfig, head: str) -> None:
    made = runs_of(data, runs, shape, sequences=4 * 24)
    worst, alone, joined = largest_difference(made, data, 24, Implementation(head=head))
    assert worst < TOLERANCE
    for single, member in zip(alone, joined, strict=True):
        assert member.step == 24
        assert member.gradient_norm.item() == pytest.approx(single.gradient_norm.item(), rel=1e-3)
        for ours, theirs in zip(member.parameters, single.parameters, strict=True):
            assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("runs", [1, 8, 32])
def test_losses_stay_those_of_single_runs_over_200_steps(data: Shards, runs: int) -> None:
    made = runs_of(data, runs, ODD, sequences=4 * 200, lr=0.005)
    assert largest_difference(made, data, 200, Implementation())[0] < TOLERANCE


def test_a_run_with_muon_is_refused(data: Shards) -> None:
    members = [Training(small_run(data, optimizer=name), Implementation(), CPU) for name in ("adamw", "muon")]
    with pytest.raises(ConfigError, match="train a run with muon by itself"):
        Stack(members)


def test_batches_of_different_sizes_and_a_partial_last_step(data: Shards) -> None:
    made = [small_run(data, seed=seed, batch=batch, sequences=3 * batch - 1) for seed, batch in enumerate((4, 7, 5))]
    worst, alone, joined = largest_difference(made, data, 3, Implementation(head="chunked"))
    assert worst < TOLERANCE
    weights = [member.model.embedding.weight for member in (*alone, *joined)]
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(weights[:3], weights[3:], strict=True))


def test_a_run_that_has_left_is_not_touched(data: Shards) -> None:
    runs = runs_of(data, 3)
    members = [Training(run, Implementation(), CPU) for run in runs]
    batches = [Batches(run, data, CPU) for run in runs]
    stack = Stack(members)
    stack.take_step({m: b.at(0) for m, b in zip(members, batches, strict=True)})
    stack.leave(members[1])
    stack.leave(members[1])
    before = [p.detach().clone() for p in members[1].parameters]
    losses, norm = members[1].losses.clone(), members[1].gradient_norm.clone()
    moments = [state["exp_avg"].clone() for state in members[1].optimizer.state.values()]
    stack.take_step({members[i]: batches[i].at(1) for i in (0, 2)})
    assert [m.step for m in members] == [2, 1, 2]
    assert all(torch.equal(a, b) for a, b in zip(before, members[1].parameters, strict=True))
    assert all(torch.equal(a, s["exp_avg"]) for a, s in zip(moments, members[1].optimizer.state.values(), strict=True))
    assert torch.equal(members[1].losses, losses) and members[1].gradient_norm == norm
    members[1].take_step(batches[1].at(1))
    stack.release()
    for run, member in zip(runs, members, strict=True):
        alone = Training(run, Implementation(), CPU)
        batch = Batches(run, data, CPU)
        for step in range(2):
            alone.take_step(batch.at(step))
        assert member.losses[1].item() == pytest.approx(alone.losses[1].item(), abs=TOLERANCE)


def test_the_last_place_of_the_window_is_taken_before_the_first_again(data: Shards) -> None:
    run = small_run(data, sequences=4 * (LOSS_WINDOW + 2))
    member = Training(run, Implementation(), CPU)
    stack, batches = Stack([member]), Batches(run, data, CPU)
    member.step = LOSS_WINDOW - 1
    before = member.losses.clone()
    stack.take_step({member: batches.at(member.step)})
    assert (member.losses != before).nonzero().flatten().tolist() == [LOSS_WINDOW - 1]
    stack.take_step({member: batches.at(member.step)})
    assert (member.losses != before).nonzero().flatten().tolist() == [0, LOSS_WINDOW - 1]


def test_a_saved_state_holds_one_run_alone(data: Shards) -> None:
    members = [Training(run, Implementation(), CPU) for run in runs_of(data, 4)]
    stack = Stack(members)
    state = members[2].state()
    tensors = [*state["model"].values(), state["losses"]]
    assert all(t.untyped_storage().nbytes() == t.nbytes for t in tensors)
    stack.release()
    assert all(p.untyped_storage().nbytes() == p.nbytes for p in members[0].parameters)


def test_a_stack_on_a_cpu_has_no_graph(data: Shards) -> None:
    assert not Stack([Training(small_run(data), Implementation(), CPU)]).captured

"""Muon against torch's own on single matrices, against loops, and on the parts of fused matrices."""

from __future__ import annotations

import dataclasses
import math
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model import muon
from model.checkpoint import Checkpoints
from model.config import TrainConfig
from model.implementation import Implementation
from model.muon import MATCHED_RMS, Group, Muon, MuonWithAdamW, orthogonalised
from model.optim import build_optimizer, set_learning_rate
from model.train import Interrupted, train
from model.training import Training
from model.transformer import Transformer
from model.trunk import Trunk
from model.trunk_states import branch_points
from tests.unit.model.cpu.cpu_data import FLOAT64, draw
from tests.unit.model.model_data import CPU, IMPLEMENTATIONS, SHAPE, ignore, interrupt_at, same_state, scores, small_run
from tokenizer.shards import Shards

TRAIN = TrainConfig(sequences=100, batch=1, lr=0.01, optimizer="muon", momentum=0.9)
SHAPES = [(16, 16), (48, 16), (8, 40)]
GOLDEN_TRAIN_LOSS, GOLDEN_LOSS = 4.594354, 4.469042


def muon_of(*parameters: Tensor, rows: list[tuple[int, ...]], half: bool = False, lr: float = 0.01) -> Muon:
    groups: list[Group] = [
        {"name": "matrices", "params": list(parameters), "rows": rows, "weight_decay": 0.1, "peak_lr": lr}
    ]
    return Muon(groups, lr=lr, momentum=0.9, half=half)


@pytest.mark.parametrize("shape", SHAPES)
def test_whole_matrices_in_bfloat16_move_as_under_torch(shape: tuple[int, int]) -> None:
    """Five steps of torch.optim.Muon, which computes each matrix alone."""
    ours, theirs = (torch.nn.Parameter(draw(*shape).float()) for _ in range(2))
    optimizer = muon_of(ours, rows=[shape[:1]], half=True)
    reference = torch.optim.Muon([theirs], lr=0.01, momentum=0.9, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for step in range(5):
        ours.grad = draw(*shape, seed=step).float()
        theirs.grad = ours.grad.clone()
        optimizer.step()
        reference.step()
        torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-4)
    assert (ours - draw(*shape).float()).abs().max() > 0.005, "nothing was trained"


def singular_values(values: list[float]) -> list[float]:
    """What the iteration makes of singular values, one by one: its polynomial on each, five times."""
    root = math.sqrt(sum(value * value for value in values))
    out = []
    for value in values:
        x = value / root
        for _ in range(5):
            x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
        out.append(x)
    return out


@pytest.mark.parametrize("shape", SHAPES)
def test_singular_vectors_stay_and_values_follow_the_polynomial(shape: tuple[int, int]) -> None:
    matrix = draw(*shape)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    expected = left @ torch.diag(torch.tensor(singular_values(values.tolist()), dtype=FLOAT64)) @ right
    torch.testing.assert_close(orthogonalised(matrix), expected, rtol=0, atol=1e-10)


def test_matrices_of_one_shape_share_products_and_nothing_else() -> None:
    stack = draw(2, 3, 8, 24)
    alone = [[orthogonalised(matrix) for matrix in row] for row in stack]
    torch.testing.assert_close(orthogonalised(stack), torch.stack([torch.stack(row) for row in alone]))
    assert torch.equal(orthogonalised(torch.zeros(4, 8)), torch.zeros(4, 8)), "a gradient of zero moves nothing"


def test_steps_equal_loops_on_every_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two fused matrices over three steps at changing rates, their parts in products of at most two."""
    monkeypatch.setattr(muon, "NUMBERS_AT_ONCE", 2 * 64)
    rows = [(8, 8, 8), (16, 16)]
    parameters = [torch.nn.Parameter(draw(sum(part), 8, seed=9)) for part in rows]
    optimizer = muon_of(*parameters, rows=rows)
    values = [[part.clone() for part in p.detach().split(r)] for p, r in zip(parameters, rows, strict=True)]
    averages = [[torch.zeros_like(part) for part in parts] for parts in values]
    for step in range(3):
        gradients = [draw(*p.shape, seed=step) for p in parameters]
        lr = optimizer.param_groups[0]["lr"] = 0.01 * (step + 1)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
        for index, gradient in enumerate(gradients):
            for part, g in enumerate(gradient.split(rows[index])):
                average = averages[index][part] = 0.9 * averages[index][part] + 0.1 * g
                direction = orthogonalised(0.1 * g + 0.9 * average)
                size = MATCHED_RMS * math.sqrt(max(direction.shape))
                values[index][part] = values[index][part] * (1 - lr * 0.1) - lr * size * direction
    for parameter, parts in zip(parameters, values, strict=True):
        torch.testing.assert_close(parameter.detach(), torch.cat(parts), rtol=1e-12, atol=1e-12)


def test_a_step_has_the_matched_root_mean_square() -> None:
    for shape in SHAPES:
        parameter = torch.nn.Parameter(torch.zeros(shape))
        optimizer = muon_of(parameter, rows=[shape[:1]], lr=1.0)
        parameter.grad = draw(*shape).float()
        optimizer.step()
        assert parameter.square().mean().sqrt().item() == pytest.approx(MATCHED_RMS, rel=0.2)


def test_parameters_without_a_gradient_stay() -> None:
    parameter = torch.nn.Parameter(draw(4, 4))
    muon_of(parameter, rows=[(4,)]).step()
    assert torch.equal(parameter.detach(), draw(4, 4))


@pytest.mark.parametrize("change", [{}, {"kv_heads": 1, "mlp": "relu2", "biases": True, "norm_weights": True}])
def test_matrices_of_the_blocks_have_muon_and_all_else_adamw(change: dict) -> None:
    shape = dataclasses.replace(SHAPE, **change)
    model = Transformer(shape)
    optimizer = build_optimizer(model, dataclasses.replace(TRAIN, embedding_lr=0.5))
    assert isinstance(optimizer, MuonWithAdamW)
    (group,) = optimizer.muon.param_groups
    names = {id(p): name for name, p in model.named_parameters()}
    rows = {names[id(p)].partition(".1.")[2]: r for p, r in zip(group["params"], group["rows"], strict=True)}
    kv = 8 if change else 16
    up = (32,) if change else (32, 32)
    wanted = {"attention.qkv.weight": (16, kv, kv), "attention.out.weight": (16,), "mlp.up.weight": up}
    assert {name: part for name, part in rows.items() if name} == wanted | {"mlp.down.weight": (16,)}
    assert (group["momentum"], group["weight_decay"], group["half"]) == (0.9, 0.1, False)
    others = {g["name"] for g in optimizer.adamw.param_groups}
    assert others == {"embeddings", "vectors"} if change else {"embeddings"}
    assert sum(len(g["params"]) for g in optimizer.param_groups) == len(list(model.parameters()))
    set_learning_rate(optimizer, 0.5)
    assert {g["name"]: g["lr"] for g in optimizer.param_groups if g["name"] != "vectors"} == {
        "matrices": 0.005,
        "embeddings": 0.25,
    }


def test_a_bf16_run_computes_directions_in_bfloat16() -> None:
    optimizer = build_optimizer(Transformer(SHAPE), dataclasses.replace(TRAIN, numerics="bf16"))
    assert optimizer.param_groups[0]["half"] is True


@pytest.mark.parametrize("implementation", [*IMPLEMENTATIONS, Implementation(head="chunked")])
def test_golden_losses_of_muon(data: Shards, implementation: Implementation) -> None:
    """Every implementation gives the same; a change needs a higher MATH_VERSION, as in test_train."""
    result = train(small_run(data, optimizer="muon"), data, ignore, implementation=implementation)
    assert (result.train_loss, result.loss) == pytest.approx((GOLDEN_TRAIN_LOSS, GOLDEN_LOSS), rel=1e-4)


@pytest.mark.usefixtures("quick_disk")
def test_interrupted_run_ends_bit_equal(data: Shards, tmp_path: Path) -> None:
    run = small_run(data, sequences=81, optimizer="muon")
    unbroken, checkpoints = Checkpoints(tmp_path / "unbroken"), Checkpoints(tmp_path / "broken")
    whole = train(run, data, ignore, unbroken, checkpoint_seconds=0)
    for _ in range(2):
        with pytest.raises(Interrupted):
            train(run, data, ignore, checkpoints, stop=interrupt_at(7))
    result = train(run, data, ignore, checkpoints, checkpoint_seconds=0)
    assert result.resumed_from_step == 14
    assert scores(result) == scores(whole)
    assert same_state(checkpoints.load_newest(), unbroken.load_newest())


@pytest.mark.usefixtures("quick_disk")
def test_a_run_that_branches_off_a_trunk_ends_bit_equal(data: Shards, tmp_path: Path) -> None:
    short, long = (small_run(data, sequences=n, warmup_steps=3, optimizer="muon") for n in (47, 81))
    assert short.trunk_id == long.trunk_id != small_run(data, sequences=47, warmup_steps=3).trunk_id
    trunk = Trunk(tmp_path, branch_points([short, long])[short.trunk_id])
    train(short, data, ignore, trunk=trunk)
    branched = train(long, data, ignore, trunk=trunk)
    assert branched.branched_from_step == 10
    assert scores(branched) == scores(train(long, data, ignore))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # torch warns of itself when it compiles
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_blocks_give_the_same_losses(data: Shards) -> None:
    result = train(small_run(data, optimizer="muon"), data, ignore, implementation=Implementation(compiled=True))
    assert (result.train_loss, result.loss) == pytest.approx((GOLDEN_TRAIN_LOSS, GOLDEN_LOSS), rel=1e-4)


def test_the_state_of_a_matrix_is_one_number_a_parameter(data: Shards) -> None:
    training = Training(small_run(data, optimizer="muon"), Implementation(), CPU)
    training.take_step(torch.arange(4 * 33).view(4, 33) % 64)
    state = training.state()["optimizer"]
    kept = [sum(t.numel() for t in entry.values() if t.numel() > 1) for entry in state["muon"]["state"].values()]
    assert kept == [p.numel() for p in training.model.blocks.parameters()]

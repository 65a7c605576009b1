"""AdamW, schedules and clipping against plain loops."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.config import TrainConfig, phase_steps
from model.optim import build_optimizer, clip_gradients, lr_factor, parameter_groups, set_learning_rate
from model.transformer import Transformer
from tests.unit.model.model_data import SHAPE

TRAIN = TrainConfig(sequences=100, batch=1, lr=0.01, warmup=0.1, cooldown=0.2)


def test_wsd_is_three_lines() -> None:
    factors = [lr_factor(TRAIN, step) for step in range(100)]
    assert phase_steps(TRAIN) == (10, 20)
    assert factors[:11] == pytest.approx([(step + 1) / 11 for step in range(11)])
    assert factors[10:80] == [1.0] * 70
    assert factors[80:] == pytest.approx([1 - (step - 79) / 21 for step in range(80, 100)])


def test_wsd_falls_towards_its_final_share() -> None:
    train = dataclasses.replace(TRAIN, final_lr=0.1)
    assert lr_factor(train, 99) == pytest.approx(0.1 + 0.9 / 21)
    assert lr_factor(train, 100) == pytest.approx(0.1)


def test_cosine_halves_in_the_middle() -> None:
    train = dataclasses.replace(TRAIN, schedule="cosine", final_lr=0.2)
    assert [lr_factor(train, step) for step in (0, 10, 55, 100)] == pytest.approx([1 / 11, 1.0, 0.6, 0.2])
    for step in range(10, 100):
        expected = 0.2 + 0.8 * (1 + math.cos(math.pi * (step - 10) / 90)) / 2
        assert lr_factor(train, step) == pytest.approx(expected, rel=1e-12)


@given(
    st.integers(1, 300),
    st.integers(1, 50),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(["wsd", "cosine"]),
)
def test_every_step_has_a_sensible_rate(
    sequences: int, batch: int, warmup: float, cooldown: float, final: float, schedule: str
) -> None:
    cooldown = min(cooldown, 1 - warmup)
    train = TrainConfig(sequences, batch, 1.0, warmup=warmup, cooldown=cooldown, final_lr=final, schedule=schedule)
    factors = [lr_factor(train, step) for step in range(train.steps)]
    up, down = phase_steps(train)
    assert up + down <= train.steps
    assert all(0 < factor <= 1 + 1e-12 for factor in factors)
    assert factors[:up] == sorted(factors[:up])
    assert factors[up:] == sorted(factors[up:], reverse=True)


def test_groups_decay_matrices_only() -> None:
    model = Transformer(dataclasses.replace(SHAPE, norm_weights=True, biases=True))
    groups = {group["name"]: group for group in parameter_groups(model, dataclasses.replace(TRAIN, embedding_lr=0.5))}
    assert {name: group["weight_decay"] for name, group in groups.items()} == {
        "matrices": 0.1,
        "embeddings": 0.0,
        "vectors": 0.0,
    }
    assert {name: group["peak_lr"] for name, group in groups.items()} == {
        "matrices": 0.01,
        "embeddings": 0.5,
        "vectors": 0.01,
    }
    assert {id(p) for p in groups["embeddings"]["params"]} == {id(model.embedding.weight), id(model.head.weight)}
    assert all(p.ndim == 1 for p in groups["vectors"]["params"])
    assert sum(len(group["params"]) for group in groups.values()) == len(list(model.parameters()))


def test_tied_head_is_in_one_group_once() -> None:
    model = Transformer(dataclasses.replace(SHAPE, tied_head=True))
    counts = {group["name"]: len(group["params"]) for group in parameter_groups(model, TRAIN)}
    assert counts["embeddings"] == 1


def test_adamw_equals_loops() -> None:
    """Loshchilov & Hutter 2019, algorithm 2, over five steps with a changing learning rate."""
    model = Transformer(SHAPE)
    train = dataclasses.replace(TRAIN, weight_decay=0.3, beta1=0.8, beta2=0.95, eps=1e-3)
    optimizer = build_optimizer(model, train)
    watched = {"matrices": model.blocks[0].mlp.down.weight, "embeddings": model.head.weight}
    values = {name: parameter[0, 0].item() for name, parameter in watched.items()}
    first, second = dict.fromkeys(values, 0.0), dict.fromkeys(values, 0.0)
    for step in range(5):
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, math.sin(step + 1))
        factor = lr_factor(train, step)
        set_learning_rate(optimizer, factor)
        optimizer.step()
        for name in values:
            g, lr = math.sin(step + 1), train.lr * factor
            first[name] = 0.8 * first[name] + 0.2 * g
            second[name] = 0.95 * second[name] + 0.05 * g * g
            m, v = first[name] / (1 - 0.8 ** (step + 1)), second[name] / (1 - 0.95 ** (step + 1))
            decay = 0.3 if name == "matrices" else 0.0
            values[name] -= lr * decay * values[name] + lr * m / (math.sqrt(v) + 1e-3)
            assert watched[name][0, 0].item() == pytest.approx(values[name], rel=1e-5)


@pytest.mark.parametrize("limit", [0.0, 0.5, 100.0])
def test_clipping_equals_loops(limit: float) -> None:
    parameters = [
        torch.nn.Parameter(torch.zeros(3)),
        torch.nn.Parameter(torch.zeros(2, 2)),
        torch.nn.Parameter(torch.zeros(1)),
    ]
    gradients = [torch.tensor([1.0, -2.0, 3.0]), torch.tensor([[0.5, 0.0], [1.0, 2.0]])]
    for parameter, gradient in zip(parameters, gradients, strict=False):
        parameter.grad = gradient.clone()
    norm = math.sqrt(sum(value**2 for gradient in gradients for value in gradient.flatten().tolist()))
    assert clip_gradients(parameters, limit).item() == pytest.approx(norm, rel=1e-6)
    scale = min(1.0, limit / norm) if limit else 1.0
    for parameter, gradient in zip(parameters, gradients, strict=False):
        torch.testing.assert_close(parameter.grad, gradient * scale, rtol=1e-5, atol=1e-7)
    assert parameters[2].grad is None


def test_muon_takes_gate_and_value_of_every_expert_apart() -> None:
    model = Transformer(dataclasses.replace(SHAPE, experts=3))
    optimizer = build_optimizer(model, dataclasses.replace(TRAIN, optimizer="muon"))
    group = next(group for group in optimizer.param_groups if "rows" in group)
    rows = {id(parameter): rows for parameter, rows in zip(group["params"], group["rows"], strict=True)}
    ups = [expert.up.weight for mixture in model.mixtures for expert in mixture.experts]
    assert [rows[id(up)] for up in ups] == [(32, 32)] * 6
    assert rows[id(model.mixtures[0].router.weight)] == (3,)

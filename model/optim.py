"""The optimizers with their parameter groups, the learning-rate schedules, and gradient clipping."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from model.config import TrainConfig, phase_steps
from model.muon import Group, Muon, MuonWithAdamW
from model.transformer import MLP, Attention, Transformer

Optimizer = torch.optim.AdamW | MuonWithAdamW
"""What trains a model."""

CLIP_EPS = 1e-6
"""Added to the gradient norm before dividing by it, as torch.nn.utils.clip_grad_norm_ does."""


def lr_factor(train: TrainConfig, step: int) -> float:
    """Learning rate of optimizer step `step` (from 0) as a share of its peak.

    With w warmup steps, c cooldown steps and S steps in all, warmup is the line from 0 at step -1 to 1 at step w, which
    makes the first step count. WSD then stays at 1, and falls along the line from 1 at step S-c-1 to `final_lr` at step
    S, which is never taken (Hägele et al. 2024, section 3). Cosine falls from 1 at step w to `final_lr` at step S
    (Loshchilov & Hutter 2017, equation 5).
    """
    warmup, cooldown = phase_steps(train)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if train.schedule == "cosine":
        done = (step - warmup) / (train.steps - warmup)
        return train.final_lr + (1 - train.final_lr) * 0.5 * (1 + math.cos(math.pi * done))
    left = (train.steps - step) / (cooldown + 1)
    return train.final_lr + (1 - train.final_lr) * min(left, 1.0)


def parameter_groups(model: Transformer, train: TrainConfig) -> list[Group]:
    """Torch's groups: matrices, with weight decay; embedding and head, and vectors, without. Each has its `peak_lr`."""
    embeddings = {id(model.embedding.weight), id(model.head.weight)}
    embedding_lr = train.lr if train.embedding_lr is None else train.embedding_lr
    groups: dict[str, list[Tensor]] = {"matrices": [], "embeddings": [], "vectors": []}
    for parameter in model.parameters():
        name = "embeddings" if id(parameter) in embeddings else "matrices" if parameter.ndim == 2 else "vectors"
        groups[name].append(parameter)
    rates = {"matrices": train.lr, "embeddings": embedding_lr, "vectors": train.lr}
    return [
        {
            "params": parameters,
            "name": name,
            "peak_lr": rates[name],
            "weight_decay": train.weight_decay if name == "matrices" else 0.0,
        }
        for name, parameters in groups.items()
        if parameters
    ]


def build_optimizer(model: Transformer, train: TrainConfig) -> Optimizer:
    """AdamW (Loshchilov & Hutter 2019, algorithm 2) in torch's fused form; with Muon for the matrices if asked for."""
    groups = parameter_groups(model, train)
    of_muon = ("matrices",) if train.optimizer == "muon" else ()
    muon = [group for group in groups if group["name"] in of_muon]
    adamw = torch.optim.AdamW(
        [dict(group) for group in groups if group["name"] not in of_muon],
        lr=train.lr,
        betas=(train.beta1, train.beta2),
        eps=train.eps,
        fused=True,
    )
    if not muon:
        return adamw
    parts = _parts(model)
    for group in muon:
        group["rows"] = [parts.get(id(p), (p.shape[-2],)) for p in group["params"]]
    return MuonWithAdamW(Muon(muon, lr=train.lr, momentum=train.momentum, half=train.numerics == "bf16"), adamw)


def _parts(model: Transformer) -> dict[int, tuple[int, ...]]:
    """Rows of the parts of each fused matrix, by the identity of its weight."""
    parts: dict[int, tuple[int, ...]] = {}
    for layer in model.blocks.modules():
        if isinstance(layer, (Attention, MLP)):
            matrix = layer.qkv if isinstance(layer, Attention) else layer.up
            parts[id(matrix.weight)] = layer.parts
    return parts


def set_learning_rate(optimizer: Optimizer, factor: float) -> None:
    """Set every group's learning rate to `factor` times its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor


@torch.no_grad()
def clip_gradients(parameters: list[torch.nn.Parameter], limit: float) -> Tensor:
    """Scale all gradients by min(1, limit / norm) and return their global norm (Pascanu et al. 2013), a scalar.

    A `limit` of 0 only measures. Never waits for a device.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    if limit > 0:
        torch._foreach_mul_(gradients, (limit / (norm + CLIP_EPS)).clamp(max=1.0))
    return norm

"""Muon, for the matrices of the blocks: their momentum, with all its singular values brought near one, is the step."""

# M = matrices of one shape at once   R = rows, outputs of a matrix   C = columns, its inputs

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the odd polynomial that one step of Newton and Schulz applies to the singular values (Jordan et al. 2024)."""
ORTHOGONAL_STEPS = 5
"""Its steps. They bring singular values between some 0.003 and 1 to between 0.7 and 1.2, which is near enough."""
MATCHED_RMS = 0.2
"""Root mean square of a step at a learning rate of 1: that of AdamW's steps (Liu et al. 2025, 2502.16982, section 2.2).

A direction with singular values of one has 1/√max(R, C); times MATCHED_RMS · √max(R, C) it has this for every shape. So
a learning rate and a weight decay mean under Muon what they mean under AdamW, and one recipe can serve both."""
EPS = 1e-7
"""Least norm by which a matrix is divided."""
NUMBERS_AT_ONCE = 2**24
"""Numbers of the matrices that are brought near orthogonality at once: small ones share a product, and large models do
not need several times their weights for it."""


class Group(TypedDict):
    """Parameters that an optimizer treats alike, as torch's optimizers take them."""

    name: str
    """matrices | embeddings | vectors."""
    params: list[Tensor]
    """The parameters."""
    peak_lr: float
    """Learning rate at its peak."""
    weight_decay: float
    """Decoupled weight decay."""
    rows: NotRequired[list[tuple[int, ...]]]
    """For each parameter the rows of its parts, which Muon takes one by one."""


class Muon(torch.optim.Optimizer):
    """Momentum orthogonalised by Newton and Schulz (Jordan et al. 2024), with decoupled weight decay and matched RMS.

    A fused matrix is several maps of one input: queries, keys and values, or the MLP's gate and value. Each is taken
    alone, as Jordan et al. (2024) advise and nanochat does: orthogonal as one, the three would share singular values of
    one, so that each would get a smaller step the more its gradient resembles another's, and the steps would depend on
    whether an implementation fuses them.

    torch.optim.Muon computes the same for whole matrices one by one, in bfloat16 alone; a test compares the two. Here
    products have the precision of the run's profile, and equal shapes share them.
    """

    def __init__(self, groups: list[Group], *, lr: float, momentum: float, half: bool) -> None:
        """Take groups that have `rows`; `half` computes the directions in bfloat16."""
        super().__init__([dict(group) for group in groups], {"lr": lr, "momentum": momentum, "half": half})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Change the weights by their current gradients; those without one stay."""
        for group in self.param_groups:
            pairs = [(p, rows) for p, rows in zip(group["params"], group["rows"], strict=True) if p.grad is not None]
            parameters = [p for p, _ in pairs]
            if not parameters:
                continue
            steps = self._momentum(parameters, group["momentum"])
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
            alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for (parameter, rows), step in zip(pairs, steps, strict=True):
                for part, part_step in zip(*(torch.split(x, rows, dim=-2) for x in (parameter, step)), strict=True):
                    alike[part.shape].append((part, part_step))
            for shape, parts in alike.items():
                size = MATCHED_RMS * math.sqrt(max(shape[-2:]))
                _move(parts, -group["lr"] * size, torch.bfloat16 if group["half"] else None)

    def _momentum(self, parameters: list[Tensor], momentum: float) -> tuple[Tensor, ...]:
        """The gradients' moving averages of Nesterov: the average, and as much of the newest gradient on top."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        for parameter in parameters:
            if "momentum" not in self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        averages = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_lerp_(averages, gradients, 1 - momentum)
        ahead: tuple[Tensor, ...] = torch._foreach_lerp(gradients, averages, momentum)
        return ahead


def _move(parts: list[tuple[Tensor, Tensor]], size: float, dtype: torch.dtype | None) -> None:
    """Add `size` times the direction of its step to each of these weights, which have one shape."""
    at_once = max(1, NUMBERS_AT_ONCE // parts[0][0].numel())
    for first in range(0, len(parts), at_once):
        some = parts[first : first + at_once]
        directions = orthogonalised(torch.stack([step for _, step in some]), dtype)
        for (part, _), direction in zip(some, directions, strict=True):
            part.add_(direction, alpha=size)


def orthogonalised(matrices: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Matrices [..., R, C] with their singular vectors and singular values near one, computed in `dtype`.

    Newton and Schulz's iteration with the quintic of Jordan et al. 2024, whose slope at zero is as large as can be: the
    values end between 0.7 and 1.2. It begins with the norm of Frobenius at one, which no singular value exceeds.
    """
    rows, columns = matrices.shape[-2:]
    x = matrices.reshape(-1, rows, columns).to(dtype or matrices.dtype)
    x = x.mT if rows > columns else x
    x = x / torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True).clamp(min=EPS)
    a, b, c = COEFFICIENTS
    for _ in range(ORTHOGONAL_STEPS):
        gram = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    x = x.mT if rows > columns else x
    return x.reshape(matrices.shape).to(matrices.dtype)


class MuonWithAdamW:
    """Muon for some groups of parameters and AdamW for the others, with what a training needs of one optimizer."""

    def __init__(self, muon: Muon, adamw: torch.optim.AdamW) -> None:
        """Join two optimizers of different parameters."""
        self.muon, self.adamw = muon, adamw

    @property
    def param_groups(self) -> list[Any]:
        """The groups of both."""
        return [*self.muon.param_groups, *self.adamw.param_groups]

    def step(self) -> None:
        """One step of both."""
        self.muon.step()
        self.adamw.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of both."""
        self.muon.zero_grad(set_to_none)
        self.adamw.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, object]:
        """The states of both by name."""
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.muon.load_state_dict(state["muon"])
        self.adamw.load_state_dict(state["adamw"])

"""The AdamW steps of a stack's runs, at learning rates that lie on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class _Group:
    """A parameter group of one run, as torch's fused AdamW takes it."""

    weights: list[Tensor]
    """Parameters."""
    gradients: list[Tensor]
    """Their gradients."""
    means: list[Tensor]
    """First moments."""
    squares: list[Tensor]
    """Second moments."""
    steps: list[Tensor]
    """Steps taken, a scalar for each parameter."""
    rate: Tensor
    """Learning rate, a scalar."""
    beta1: float
    """Decay of the first moment."""
    beta2: float
    """Decay of the second moment."""
    weight_decay: float
    """Decoupled weight decay."""
    eps: float
    """AdamW's epsilon."""


class StackedOptimizers:
    """Takes the steps of the runs' own AdamW optimizers, whose state stays in them."""

    def __init__(self, optimizers: Sequence[torch.optim.AdamW], device: torch.device) -> None:
        """Begin the state of optimizers that have taken no step yet."""
        # The kernel reads a learning rate on a GPU as fp32; on a CPU it should be the number of a single run.
        wide = torch.float32 if device.type == "cuda" else torch.float64
        self._peaks = [[group["peak_lr"] for group in optimizer.param_groups] for optimizer in optimizers]
        self._rates = torch.zeros(len(optimizers), len(self._peaks[0]), dtype=wide, device=device)
        self._groups = [
            _group(optimizer, group, self._rates[row, column])
            for row, optimizer in enumerate(optimizers)
            for column, group in enumerate(optimizer.param_groups)
        ]

    def set_rates(self, factors: Sequence[float]) -> None:
        """Set the learning rates of each run to `factors` times their peaks; does not wait for a GPU."""
        rates = [[peak * factor for peak in peaks] for peaks, factor in zip(self._peaks, factors, strict=True)]
        self._rates.copy_(torch.tensor(rates, dtype=self._rates.dtype), non_blocking=True)

    @torch.no_grad()
    def step(self) -> None:
        """One step of every run."""
        for group in self._groups:
            torch._foreach_add_(group.steps, 1)
            torch._fused_adamw_(
                group.weights,
                group.gradients,
                group.means,
                group.squares,
                [],
                group.steps,
                lr=group.rate,
                beta1=group.beta1,
                beta2=group.beta2,
                weight_decay=group.weight_decay,
                eps=group.eps,
                amsgrad=False,
                maximize=False,
            )


def _group(optimizer: torch.optim.AdamW, group: dict[str, Any], rate: Tensor) -> _Group:
    """A group with its state."""
    parameters = group["params"]
    for parameter in parameters:
        state = optimizer.state[parameter]
        if not state:
            state["step"] = torch.zeros((), device=parameter.device)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
    states = [optimizer.state[parameter] for parameter in parameters]
    return _Group(
        weights=[parameter.detach() for parameter in parameters],
        gradients=[parameter.grad for parameter in parameters],
        means=[state["exp_avg"] for state in states],
        squares=[state["exp_avg_sq"] for state in states],
        steps=[state["step"] for state in states],
        rate=rate,
        beta1=group["betas"][0],
        beta2=group["betas"][1],
        weight_decay=group["weight_decay"],
        eps=group["eps"],
    )

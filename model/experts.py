"""A mixture of experts in place of a block's MLP: a router sends each token to some of them, and none is dropped."""

# Shapes follow the legend of model.transformer, and
#   E = experts     A = experts that a token goes through     R = N·A, rows: a token once for each of its experts

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from model.config import ModelConfig
from model.values import AUXILIARY_WEIGHT

BIAS_STEP = 0.001
"""What a step adds to the bias of an idle expert, or takes from that of a busy one (Wang et al. 2024, section 4.3)."""
GROUPED_CAPABILITY = (9, 0)
"""Compute capability of the GPUs from which torch has one kernel for all experts: Hopper."""
GROUPED_MULTIPLE = 8
"""Widths that kernel takes are multiples of this: 16 bytes of bf16."""


class Expert(nn.Module):
    """What a mixture needs of an MLP: a product, a function of its result without parameters, and another product."""

    up: nn.Linear
    """First product, [2F or F, D]."""
    down: nn.Linear
    """Last product, [D, F]."""

    def activate(self, hidden: Tensor) -> Tensor:
        """What lies between the two products."""
        raise NotImplementedError


class Experts(nn.Module):
    """Top-k token choice: Σ over a token's experts e of g_e · MLP_e(x) (Shazeer et al. 2017, equation 1).

    With s = softmax(x·R), the experts are those of the k largest s + b, where b is the bias or 0. The gate g_e is s_e
    for one expert (Fedus et al. 2021, equation 2), which gives the router its gradient, and s_e over the sum of the
    chosen for several (Jiang et al. 2024, section 2.1). The router works in at least fp32. A token's result does not
    depend on other tokens, as no expert has a capacity.
    """

    bias: Tensor | None
    """Added to the scores in the choice alone, [E]; None without a bias to balance by."""

    def __init__(self, config: ModelConfig, expert: Callable[[], Expert]) -> None:
        """Build the router and as many experts as the configuration has."""
        super().__init__()
        self.config = config
        self.router = nn.Linear(config.d_model, config.experts, bias=False)
        self.experts = nn.ModuleList(expert() for _ in range(config.experts))
        self.register_buffer("bias", torch.zeros(config.experts) if config.balance == "bias" else None)
        self.load: Tensor | None = None
        """Rows that training has sent to each expert since the last step, [E]."""
        self.auxiliary: Tensor | None = None
        """Weighted balance loss of the last pass, a scalar."""

    def forward(self, x_BTD: Tensor) -> Tensor:
        """[B, T, D] to [B, T, D]."""
        x_ND, A = x_BTD.flatten(0, -2), self.config.active
        scores_NE = self._scores(x_ND)
        chosen_NA = (scores_NE if self.bias is None else scores_NE + self.bias).topk(A).indices
        gates_NA = scores_NE.gather(1, chosen_NA)
        if A > 1:
            gates_NA = gates_NA / gates_NA.sum(-1, keepdim=True)
        expert_R = chosen_NA.flatten()
        load_E = torch.bincount(expert_R, minlength=self.config.experts)
        if torch.is_grad_enabled():
            self._remember(scores_NE, load_E)
        order_R = expert_R.argsort(stable=True)
        x_RD = x_ND.unsqueeze(1).expand(-1, A, -1).reshape(-1, x_ND.shape[1]).index_select(0, order_R)
        y_RD = self._products(x_RD, load_E).index_select(0, order_R.argsort())
        y_NAD = y_RD.view(-1, A, y_RD.shape[1]) * gates_NA.unsqueeze(-1).to(y_RD.dtype)
        return y_NAD.sum(1).view(*x_BTD.shape[:-1], -1)

    def _scores(self, x_ND: Tensor) -> Tensor:
        """Probabilities of the experts [N, E], never in bf16, whose rounding would change the choice."""
        with torch.autocast(x_ND.device.type, enabled=False):
            return F.linear(x_ND.to(self.router.weight.dtype), self.router.weight).softmax(-1)

    def _remember(self, scores_NE: Tensor, load_E: Tensor) -> None:
        """Count the rows, and keep E · Σ f_e · P_e, with f the shares of the rows and P the mean scores: 1 at best."""
        self.load = load_E if self.load is None else self.load + load_E
        if self.config.balance == "auxiliary":
            weight = AUXILIARY_WEIGHT if self.config.balance_weight is None else self.config.balance_weight
            shares_E = load_E.to(scores_NE) / load_E.sum()
            self.auxiliary = weight * self.config.experts * torch.dot(shares_E, scores_NE.mean(0))

    def _products(self, x_RD: Tensor, load_E: Tensor) -> Tensor:
        """Each expert's MLP of its rows, which follow each other in the order of the experts: keeps the shape."""
        experts = cast("list[Expert]", list(self.experts))
        if grouped_kernel(self.config, x_RD.device):
            ends_E = load_E.cumsum(0, dtype=torch.int32)
            return products(experts, x_RD.bfloat16(), load_E, lambda x, w: F.grouped_mm(x, w.mT, offs=ends_E))
        kind = x_RD.device.type
        x_RD = x_RD.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else x_RD
        loads = load_E.tolist()
        return products(experts, x_RD, load_E, lambda x, w: one_by_one(x, w, loads))

    def forget_rows(self) -> None:
        """Count no row since the last step, in a process whose passes had no sequence of its own."""
        self.load = torch.zeros(self.config.experts, dtype=torch.int64, device=self.router.weight.device)

    @torch.no_grad()
    def finish_step(self, summed: Callable[[Tensor], Tensor]) -> None:
        """After an optimizer step: b + u · sign(mean load - load), with the loads `summed` over processes."""
        if self.bias is not None and self.load is not None:
            step = BIAS_STEP if self.config.balance_weight is None else self.config.balance_weight
            load_E = summed(self.load)
            self.bias += step * torch.sign(load_E.sum() - load_E * len(load_E))
        self.load = None


def grouped_kernel(config: ModelConfig, device: torch.device) -> bool:
    """Whether one kernel computes all experts: in bf16 on a GPU from Hopper on, at widths that it can take."""
    if device.type != "cuda" or config.biases or not torch.is_autocast_enabled("cuda"):
        return False
    if torch.get_autocast_dtype("cuda") != torch.bfloat16 or not hasattr(F, "grouped_mm"):
        return False
    widths = (config.d_model, config.d_ff)
    capable = torch.cuda.get_device_capability(device) >= GROUPED_CAPABILITY
    return capable and all(width % GROUPED_MULTIPLE == 0 for width in widths)


def products(
    experts: list[Expert], x_RD: Tensor, load_E: Tensor, grouped: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Each expert's MLP of its rows by `grouped`, which multiplies rows [R, I] with their expert's of [E, O, I]."""

    def product(x: Tensor, layers: list[nn.Linear]) -> Tensor:
        y = grouped(x, torch.stack([layer.weight for layer in layers]).to(x.dtype))
        if layers[0].bias is None:
            return y
        return y + torch.stack([layer.bias for layer in layers]).repeat_interleave(load_E, 0).to(y.dtype)

    hidden = experts[0].activate(product(x_RD, [expert.up for expert in experts]))
    return product(hidden, [expert.down for expert in experts])


def one_by_one(x_RI: Tensor, weights: Tensor, loads: list[int]) -> Tensor:
    """Rows [R, I] times the matrices [E, O, I] of their experts, which have `loads` rows each: [R, O]."""
    y_RO: Tensor = OneByOne.apply(x_RI, weights, loads)  # type: ignore[no-untyped-call]
    return y_RO


class OneByOne(torch.autograd.Function):
    """The grouped product as one product for each expert: the reference, on any device in any precision."""

    @staticmethod
    def forward(ctx: Any, x_RI: Tensor, weights: Tensor, loads: list[int]) -> Tensor:
        """See `one_by_one`."""
        ctx.save_for_backward(x_RI, weights)
        ctx.loads = loads
        y = x_RI.new_empty(len(x_RI), weights.shape[1])
        for x, w, out in zip(torch.split(x_RI, loads), weights, torch.split(y, loads), strict=True):
            torch.mm(x, w.t(), out=out)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        """Gradients of the rows and of the matrices; zero for those of an expert without rows."""
        x_RI, weights = ctx.saved_tensors
        by_x, by_weights = torch.empty_like(x_RI), torch.empty_like(weights)
        rows = (torch.split(matrix, ctx.loads) for matrix in (x_RI, gradient, by_x))
        for x, g, x_out, w, w_out in zip(*rows, weights, by_weights, strict=True):
            torch.mm(g, w, out=x_out)
            torch.mm(g.t(), x, out=w_out)
        return by_x, by_weights, None


def balanced(loss: Tensor, mixtures: Iterable[Experts]) -> Tensor:
    """The loss [] to the last bit, with the gradient that it has together with the balance losses of its own pass."""
    for mixture in mixtures:
        if mixture.auxiliary is not None:
            loss = loss + (mixture.auxiliary - mixture.auxiliary.detach())
            mixture.auxiliary = None
    return loss

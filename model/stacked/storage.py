"""The weights and gradients of a stack's runs in one place: each run's parameters, and each layer's of all runs."""

# R = runs of a stack.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

ALIGNED = 64
"""Elements to whose multiple each parameter's place is rounded up: 256 bytes, which fast kernels ask for."""
_LOOKED_UP = "embedding.weight"
"""The matrix that is looked up by row."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a parameter of each run lies."""

    weights: Tensor
    """Weights of all runs, [R, …]: a view."""
    gradients: Tensor
    """Their gradients, [R, …]: a view."""


class StackedParameters:
    """The parameters of several models of one shape, which become views of a common storage.

    A model keeps its parameters as objects, so that its optimizer and its checkpoints work as before. A matrix that is
    looked up by row is contiguous over all runs; everything else of a run lies together, so that one operation finds
    the gradient norm of each run.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        """Move the parameters of `models`, all with the same names and shapes, into a common storage."""
        self._models = list(models)
        shapes = {name: parameter.shape for name, parameter in models[0].named_parameters()}
        self.device = next(models[0].parameters()).device
        runs = len(models)
        together = [name for name in shapes if name != _LOOKED_UP]
        groups = [each for each in ([_LOOKED_UP] if _LOOKED_UP in shapes else [], together) if each]
        self._blocks: list[tuple[Tensor, Tensor]] = []
        """(weights, gradients) of each group, [R, elements]."""
        self._places: dict[str, _Place] = {}
        self._stacked: dict[str, nn.Parameter] = {}
        for names in groups:
            starts, end = {}, 0
            for name in names:
                starts[name] = end
                size = shapes[name].numel()
                end += size if len(names) == 1 else -(-size // ALIGNED) * ALIGNED
            weights, gradients = (torch.zeros(runs, end, device=self.device) for _ in range(2))
            self._blocks.append((weights, gradients))
            for name, start in starts.items():
                shape = shapes[name]
                views = [b[:, start : start + shape.numel()].view(runs, *shape) for b in (weights, gradients)]
                self._places[name] = _Place(*views)
        self._adopt()

    def _adopt(self) -> None:
        """Copy the models' weights here, and let their parameters be views."""
        for row, model in enumerate(self._models):
            for name, parameter in model.named_parameters():
                place = self._places[name]
                place.weights[row].copy_(parameter.detach())
                parameter.data, parameter.grad = place.weights[row], place.gradients[row]

    def release(self, row: int) -> None:
        """Give a model parameters of its own again."""
        for parameter in self._models[row].parameters():
            parameter.data, parameter.grad = parameter.detach().clone(), None

    def stacked(self, name: str) -> nn.Parameter | None:
        """The parameter of that name with a leading axis of runs; None if the models have none."""
        if name not in self._places:
            return None
        if name not in self._stacked:
            self._stacked[name] = nn.Parameter(self._places[name].weights)
        return self._stacked[name]

    def differentiate(self, losses_R: Tensor) -> None:
        """Set the gradients to those of the runs' losses."""
        gradients = torch.autograd.grad(losses_R.sum(), list(self._stacked.values()))
        torch._foreach_copy_([self._places[name].gradients for name in self._stacked], gradients)

    def gradient_norms(self) -> Tensor:
        """Norm of the gradients of each run, [R]."""
        norms = [torch.linalg.vector_norm(gradients, dim=1) for _, gradients in self._blocks]
        together: Tensor = torch.linalg.vector_norm(torch.stack(norms), dim=0)
        return together

    def scale_gradients(self, factors_R: Tensor) -> None:
        """Multiply the gradients of each run by its factor."""
        for _, gradients in self._blocks:
            gradients.mul_(factors_R[:, None])

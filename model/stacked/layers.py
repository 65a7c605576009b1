"""The layers of several Transformers of one shape as one model: each layer's weights have a leading axis of runs."""

# The shapes follow the legend of model.transformer, with R = runs of a stack. Runs are folded into the batch: a model
# gets [R·B, T] tokens, so that whatever has no weights works as in a single run.

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from model.config import ConfigError, ModelConfig
from model.implementation import Implementation
from model.stacked.storage import StackedParameters
from model.transformer import RMSNorm, Transformer


class StackedLinear(nn.Module):
    """x·Wᵀ + b with the weights of each run."""

    def __init__(self, weight_RFD: nn.Parameter, bias_RF: nn.Parameter | None) -> None:
        """Wrap the weights of all runs."""
        super().__init__()
        self.weight = weight_RFD
        self.bias = bias_RF

    def forward(self, x: Tensor) -> Tensor:
        """[R·B, …, D] to [R·B, …, F]."""
        x_RND = x.reshape(len(self.weight), -1, x.shape[-1])
        if self.bias is None:
            y_RNF = torch.bmm(x_RND, self.weight.mT)
        else:
            y_RNF = torch.baddbmm(self.bias[:, None], x_RND, self.weight.mT)
        return y_RNF.view(*x.shape[:-1], -1)


class StackedEmbedding(nn.Module):
    """Rows of each run's embedding matrix."""

    def __init__(self, weight_RVD: nn.Parameter) -> None:
        """Wrap the matrices of all runs, contiguous in memory."""
        super().__init__()
        self.weight = weight_RVD
        runs, vocab, _ = weight_RVD.shape
        self.register_buffer("first", torch.arange(runs, device=weight_RVD.device)[:, None] * vocab, persistent=False)

    def forward(self, tokens_NT: Tensor) -> Tensor:
        """[R·B, T] to [R·B, T, D]."""
        rows = tokens_NT.reshape(len(self.weight), -1) + self.get_buffer("first")
        return F.embedding(rows.view(tokens_NT.shape), self.weight.flatten(0, 1))


class StackedRMSNorm(nn.Module):
    """`model.transformer.RMSNorm` with the weights of each run."""

    def __init__(self, weight_RD: nn.Parameter, eps: float) -> None:
        """Wrap the weights of all runs."""
        super().__init__()
        self.weight = weight_RD
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis. Keeps the shape."""
        normal_RND = F.rms_norm(x, (x.shape[-1],), None, self.eps).view(len(self.weight), -1, x.shape[-1])
        return (normal_RND * self.weight[:, None]).view_as(x)


def stacked_model(config: ModelConfig, implementation: Implementation, parameters: StackedParameters) -> Transformer:
    """A Transformer that computes all runs whose weights are in `parameters`. Raises ConfigError for unknown layers."""
    model = Transformer(config, implementation=implementation).to(parameters.device)
    for path, layer in list(model.named_modules()):
        if not list(layer.parameters(recurse=False)):
            continue
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, _stacked(layer, path, parameters))
    return model


def _stacked(layer: nn.Module, path: str, parameters: StackedParameters) -> nn.Module:
    """The layer at a path with the weights of all runs."""
    tied = path == "head" and parameters.stacked("head.weight") is None
    weight, bias = parameters.stacked(f"{'embedding' if tied else path}.weight"), parameters.stacked(f"{path}.bias")
    assert weight is not None, "every layer with parameters has a weight"
    match layer:
        case nn.Linear():
            return StackedLinear(weight, bias)
        case nn.Embedding():
            return StackedEmbedding(weight)
        case RMSNorm():
            return StackedRMSNorm(weight, layer.eps)
    raise ConfigError(f"a stack has no {type(layer).__name__}: train the run alone")

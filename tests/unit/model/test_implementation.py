"""The default choice of implementation: by device, architecture, profile and length."""

from __future__ import annotations

import dataclasses

import pytest

from model import implementation
from model.config import ConfigError, ModelConfig, TrainConfig
from model.flops import flops_per_token
from model.implementation import COMPILE_FLOPS, Implementation, choose_implementation
from tests.unit.model.model_data import SHAPE

LONG = ModelConfig(vocab=64, context=1024, d_model=16, n_layers=2, n_heads=2, d_ff=32)


def train_of(model: ModelConfig, flops: float, numerics: str = "fp32") -> TrainConfig:
    sequences = int(flops / flops_per_token(model) / model.context) + 1
    return TrainConfig(sequences=sequences, batch=4, lr=0.01, numerics=numerics)


@pytest.mark.parametrize("compiler", [None, "/usr/bin/c++"])
@pytest.mark.parametrize("triton", [False, True])
def test_default_choice(monkeypatch: pytest.MonkeyPatch, compiler: str | None, triton: bool) -> None:
    monkeypatch.setattr(implementation, "compiler", lambda: compiler)
    monkeypatch.setattr(implementation, "available", lambda: compiler is not None)
    monkeypatch.setattr(implementation, "find_spec", lambda name: object() if triton else None)
    gelu = dataclasses.replace(SHAPE, mlp="gelu")

    def chosen(model: ModelConfig, flops: float, device: str = "cpu", numerics: str = "fp32") -> Implementation:
        return choose_implementation(model, train_of(model, flops, numerics), device)

    own = Implementation(branches="native" if compiler else "handwritten")
    assert chosen(SHAPE, 1e9) == chosen(SHAPE, 1e15) == own
    assert chosen(LONG, 1e9) == (own if compiler else Implementation(attention="fused"))
    assert chosen(gelu, 1e9) == chosen(SHAPE, 1e9, numerics="bf16") == Implementation()
    for model, numerics in ((gelu, "fp32"), (SHAPE, "bf16")):
        long_run = chosen(model, COMPILE_FLOPS["cpu"], numerics=numerics)
        assert long_run == Implementation(compiled=compiler is not None)
    gpu = Implementation(attention="fused", head="chunked")
    assert chosen(SHAPE, 1e12, "cuda") == gpu
    assert chosen(SHAPE, COMPILE_FLOPS["cuda"], "cuda") == dataclasses.replace(gpu, compiled=triton)


@pytest.mark.parametrize(
    "choice",
    [
        {"attention": "sparse"},
        {"branches": "other"},
        {"head": "half"},
        {"threads": 0},
        {"branches": "native", "attention": "fused"},
        {"branches": "handwritten", "compiled": True},
    ],
)
def test_impossible_choice_is_refused(choice: dict) -> None:
    with pytest.raises(ConfigError):
        Implementation(**choice)

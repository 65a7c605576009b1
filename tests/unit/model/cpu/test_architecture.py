"""Which models the CPU branches cover, and which of them is the default."""

from __future__ import annotations

import dataclasses

import pytest

from model.config import ConfigError
from model.cpu import architecture
from model.cpu.architecture import EXPLICIT_CONTEXT_MAX, OWN_BACKWARD, covers, default_branches
from model.implementation import Implementation
from model.transformer import Transformer
from tests.unit.model.model_data import SHAPE


@pytest.mark.parametrize(
    "change",
    [
        {"mlp": "gelu"},
        {"mlp": "relu2"},
        {"kv_heads": 1},
        {"window": 8},
        {"norm_weights": True},
        {"biases": True},
        {"logit_cap": 3.0},
        {"rope_base": 0},
        {"qk_norm": False},
    ],
)
def test_other_architectures_take_the_plain_path(change: dict) -> None:
    model = dataclasses.replace(SHAPE, **change)
    assert not covers(model, "fp32")
    assert default_branches(model, "fp32") == "autograd"
    for kind in OWN_BACKWARD:
        with pytest.raises(ConfigError, match=kind):
            Transformer(model, implementation=Implementation(branches=kind))


def test_the_default_architecture_is_covered_in_fp32_alone() -> None:
    assert covers(SHAPE, "fp32") and covers(dataclasses.replace(SHAPE, tied_head=True), "fp32")
    assert covers(dataclasses.replace(SHAPE, rope_base=0.5), "fp32")
    assert not covers(SHAPE, "bf16")
    assert default_branches(SHAPE, "bf16") == "autograd"


@pytest.mark.parametrize(
    ("built", "context", "branches"),
    [(True, 4096, "native"), (False, EXPLICIT_CONTEXT_MAX, "handwritten"), (False, 513, "autograd")],
)
def test_default_branches_by_compiler_and_context(
    monkeypatch: pytest.MonkeyPatch, built: bool, context: int, branches: str
) -> None:
    monkeypatch.setattr(architecture, "available", lambda: built)
    assert default_branches(dataclasses.replace(SHAPE, context=context), "fp32") == branches

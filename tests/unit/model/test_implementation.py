"""The default choice of implementation: by device, architecture, profile and length."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from model import implementation
from model.config import ConfigError, ModelConfig, TrainConfig
from model.cpu import architecture
from model.cpu.build import NativeError
from model.flops import flops_per_token
from model.implementation import (
    COMPILE_FLOPS,
    COMPILE_STEPS,
    Computation,
    Implementation,
    check_implementation,
    choose_implementation,
    workable,
)
from tests.unit.model.model_data import SHAPE

LONG = ModelConfig(vocab=64, context=1024, d_model=16, n_layers=2, n_heads=2, d_ff=32)


def train_of(model: ModelConfig, flops: float, numerics: str = "fp32") -> TrainConfig:
    sequences = int(flops / flops_per_token(model) / model.context) + 1
    return TrainConfig(sequences=sequences, batch=4, lr=0.01, numerics=numerics)


@pytest.mark.parametrize("compiler", [None, "/usr/bin/c++"])
@pytest.mark.parametrize("triton", [False, True])
def test_default_choice(monkeypatch: pytest.MonkeyPatch, compiler: str | None, triton: bool) -> None:
    monkeypatch.setattr(implementation, "compiler", lambda: compiler)
    monkeypatch.setattr(architecture, "available", lambda: compiler is not None)
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
    assert chosen(SHAPE, 1e9, "cuda") == gpu
    for steps, compiled in ((COMPILE_STEPS - 1, False), (COMPILE_STEPS, triton)):
        many = TrainConfig(sequences=4 * steps, batch=4, lr=0.01)
        assert choose_implementation(SHAPE, many, "cuda").compiled == compiled
        assert not choose_implementation(gelu, many, "cpu").compiled
    assert chosen(SHAPE, COMPILE_FLOPS["cuda"], "cuda") == dataclasses.replace(gpu, compiled=triton)


@pytest.mark.parametrize(
    "choice",
    [
        {"attention": "sparse"},
        {"branches": "other"},
        {"head": "half"},
        {"threads": 0},
        {"threads": "2"},
        {"threads": True},
        {"micro_batch": 0},
        {"micro_batch": 1.5},
        {"branches": "native", "attention": "fused"},
        {"branches": "handwritten", "compiled": True},
    ],
)
def test_impossible_choice_is_refused(choice: dict) -> None:
    with pytest.raises(ConfigError):
        Implementation(**choice)


@pytest.mark.parametrize(
    ("branches", "numerics", "device", "message"),
    [
        ("handwritten", "bf16", "cpu", "handwritten branches cover the default architecture in fp32: choose autograd"),
        ("handwritten", "fp32", "cuda", "run on a CPU, not on cuda: choose autograd"),
        ("native", "fp32", "cpu", "native branches need a C\\+\\+ compiler: choose handwritten"),
    ],
)
def test_what_cannot_compute_a_run_is_refused(
    monkeypatch: pytest.MonkeyPatch, branches: str, numerics: str, device: str, message: str
) -> None:
    monkeypatch.setattr(implementation, "available", lambda: False)
    with pytest.raises(ConfigError, match=message):
        check_implementation(Implementation(branches=branches), SHAPE, numerics, device)


def test_experts_run_on_autograd_without_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(implementation, "available", lambda: True)
    monkeypatch.setattr(implementation, "find_spec", lambda name: object())
    mixed = dataclasses.replace(SHAPE, experts=4)
    with pytest.raises(ConfigError, match="native branches cover the default architecture"):
        check_implementation(Implementation(branches="native"), mixed, "fp32", "cpu")
    for choice, what in (({"compiled": True}, "compiled blocks"), ({"stacked": 4}, "stacks")):
        with pytest.raises(ConfigError, match=f"{what} cannot send tokens to experts: train each run alone"):
            check_implementation(Implementation(**choice), mixed, "bf16", "cuda")
    for device, flops in (("cpu", COMPILE_FLOPS["cpu"]), ("cuda", COMPILE_FLOPS["cuda"])):
        chosen = choose_implementation(mixed, train_of(mixed, flops), device)
        assert (chosen.branches, chosen.compiled) == ("autograd", False)
        check_implementation(chosen, mixed, "fp32", device)


def test_what_can_compute_a_run_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(implementation, "available", lambda: True)
    check_implementation(Implementation(), SHAPE, "bf16", "cuda")
    for branches in ("handwritten", "native"):
        check_implementation(Implementation(branches=branches), SHAPE, "fp32", "cpu")


def test_stored_records_keep_their_keys() -> None:
    """Choices and results that are stored must be readable for ever."""
    stored = Implementation(branches="native").to_dict()
    assert stored == {
        "attention": "explicit",
        "branches": "native",
        "head": "whole",
        "compiled": False,
        "threads": 1,
        "stacked": 0,
        "batches": "padded",
        "micro_batch": None,
    }
    computation = Computation(device="cpu", device_name="c", torch="2", processes=1)
    assert list(computation.to_dict()) == [*stored, "device", "device_name", "torch", "processes"]
    assert Implementation(**stored) == Implementation(branches="native")
    del stored["stacked"], stored["batches"]  # as it was before there were stacks
    assert Implementation(**stored) == Implementation(branches="native")


@pytest.mark.parametrize("wrong", [-1, 1.0, True])
def test_the_runs_of_a_stack_are_counted(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="stacked must be"):
        Implementation(stacked=wrong)
    with pytest.raises(ConfigError, match="one run at a time"):
        Implementation(branches="handwritten", stacked=1)


def test_native_branches_without_kernels_are_replaced_by_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise NativeError("there is no C++ compiler: install g++")

    native, train = Implementation(branches="native", micro_batch=3), train_of(SHAPE, 1e9)
    monkeypatch.setattr(implementation, "library", lambda: None)
    assert workable(native, SHAPE, train, "cpu") == (native, "")
    monkeypatch.setattr(implementation, "library", refuse)
    monkeypatch.setattr(architecture, "available", lambda: False)
    handwritten = Implementation(branches="handwritten")
    assert workable(native, SHAPE, train, "cpu") == (
        handwritten,
        "handwritten branches instead of native ones: there is no C++ compiler: install g++",
    )
    assert workable(Implementation(), SHAPE, train, "cpu") == (Implementation(), "")


@pytest.mark.parametrize("here", [False, True])
def test_compiled_blocks_without_a_compiler_are_not_compiled(monkeypatch: pytest.MonkeyPatch, here: bool) -> None:
    monkeypatch.setattr(implementation, "compiler", lambda: "/usr/bin/c++" if here else None)
    monkeypatch.setattr(implementation, "find_spec", lambda _: object() if here else None)
    compiled, train = Implementation(attention="fused", compiled=True), train_of(SHAPE, 1e9)
    for device in ("cpu", "cuda:1"):
        found, why = workable(compiled, SHAPE, train, device)
        assert found == dataclasses.replace(compiled, compiled=here)
        assert why == ("" if here else "no compiled blocks: there is no compiler for them")

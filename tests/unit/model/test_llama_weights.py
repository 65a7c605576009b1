"""A model written for transformers is the same function there, and is refused where it cannot be."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from model.llama import Architecture, ExportError
from model.llama_weights import write_model
from model.transformer import Transformer
from tests.unit.model.model_data import SHAPE

TOKENS = torch.arange(3 * 32).view(3, 32) ** 2 % 61


def _model(seed: int = 1, **changes: Any) -> Transformer:
    """A model whose weights of norms are not all one, where it has any."""
    model = Transformer(dataclasses.replace(SHAPE, **changes), seed)
    generator = torch.Generator().manual_seed(seed)
    for name, value in model.named_parameters():
        if name.endswith("norm.weight"):
            value.data.uniform_(0.5, 1.5, generator=generator)
    return model


@pytest.mark.parametrize(
    ("changes", "architecture"),
    [
        ({}, "Qwen3ForCausalLM"),
        ({"norm_weights": True, "rope_base": 500.0, "norm_eps": 1e-3, "tied_head": True}, "Qwen3ForCausalLM"),
        ({"qk_norm": False}, "LlamaForCausalLM"),
        ({"kv_heads": 1}, "Qwen3ForCausalLM"),
        ({"qk_norm": False, "norm_weights": True, "tied_head": True, "d_ff": 7, "n_heads": 1}, "LlamaForCausalLM"),
        ({"qk_norm": False, "experts": 4, "active": 2}, "MixtralForCausalLM"),
        ({"qk_norm": False, "experts": 5, "active": 3, "d_ff": 12, "balance": "none"}, "MixtralForCausalLM"),
        ({"experts": 4, "active": 2, "norm_weights": True}, "Qwen3MoeForCausalLM"),
        ({"experts": 4, "tied_head": True}, "Qwen3MoeForCausalLM"),
    ],
)
def test_transformers_gives_equal_logits(tmp_path: Path, changes: dict[str, Any], architecture: str) -> None:
    model = _model(**changes)
    write_model(model, tmp_path / "out", {"notes.txt": "x"}, 0)
    loaded, info = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert type(loaded).__name__ == architecture
    assert not any(info.values()), "weights are missing, unknown or of another shape"
    with torch.no_grad():
        torch.testing.assert_close(loaded(TOKENS).logits, model(TOKENS), rtol=1e-5, atol=1e-5)
    assert loaded.config.bos_token_id == 0 and loaded.config.max_position_embeddings == 32
    assert (tmp_path / "out" / "notes.txt").read_text() == "x"


def test_their_balance_loss_pulls_as_ours_does(tmp_path: Path) -> None:
    """With one block, whose loads theirs does not pool with others', the gradients of the routers are equal."""
    model = _model(qk_norm=False, experts=4, active=2, n_layers=1, balance_weight=0.5)
    write_model(model, tmp_path / "out", {}, None)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out", output_router_logits=True)
    targets = TOKENS.roll(-1, 1)
    model.loss(TOKENS, targets).backward()
    (mixture,) = model.mixtures
    logits, router = theirs(TOKENS), theirs.model.layers[0].mlp.gate.weight
    cross_entropy = torch.nn.functional.cross_entropy(logits.logits.flatten(0, 1), targets.flatten())
    (cross_entropy + theirs.config.router_aux_loss_coef * logits.aux_loss).backward()
    torch.testing.assert_close(router.grad, mixture.router.weight.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"mlp": "gelu"}, "model.mlp is gelu, which Qwen3ForCausalLM does not have"),
        ({"biases": True, "logit_cap": 15.0}, "model.biases is true, .*; model.logit_cap is 15.0"),
        ({"rope_base": 0.0}, "always rotates by position"),
        ({"experts": 4, "qk_norm": False}, "model.active is 1: MixtralForCausalLM divides"),
        ({"experts": 4, "active": 2, "balance": "bias"}, "Qwen3MoeForCausalLM chooses experts by their scores alone"),
    ],
)
def test_what_transformers_lacks_is_refused(tmp_path: Path, changes: dict[str, Any], word: str) -> None:
    with pytest.raises(ExportError, match=word):
        write_model(_model(**changes), tmp_path / "out", {}, None)
    assert not list(tmp_path.iterdir())


def test_a_folder_with_files_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    for folder in (tmp_path, tmp_path / "mine"):
        with pytest.raises(ExportError, match="is not an empty folder: name a new one"):
            write_model(_model(), folder, {}, None)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["mine"]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no such folder"):
        write_model(_model(), tmp_path / "out", {"no such folder/x": ""}, None)
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert write_model(_model(), tmp_path / "out", {}, None) is Architecture.QWEN3
    assert json.loads((tmp_path / "out" / "config.json").read_text())["bos_token_id"] is None

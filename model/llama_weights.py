"""Writes a trained model as a folder that Hugging Face transformers loads, with weights in safetensors."""

# Shape suffix legend: D = d_model, V = vocabulary, F = d_ff, H = heads, K = channels of a head, P = K/2 pairs.

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, cast

import torch
from safetensors.torch import save_file
from torch import Tensor

from model.config import ModelConfig
from model.experts import Experts
from model.llama import Architecture, ExportError, architecture_of, config_json, differences, key_value_heads
from model.transformer import MLP, Block, RMSNorm, Transformer

CONFIG: Final = "config.json"
WEIGHTS: Final = "model.safetensors"
"""The files that transformers looks for."""


def write_model(model: Transformer, folder: Path, files: Mapping[str, str], bos_id: int | None) -> Architecture:
    """Write a model in fp32 with further text `files` into a folder that is new or empty; all of it or nothing.

    Raises:
        ExportError: transformers has no class that computes what the model computes, or the folder holds something.
        OSError: the folder cannot be written.
    """
    architecture = architecture_of(model.config)
    lacking = differences(model.config, architecture)
    if lacking:
        raise ExportError(f"the model cannot be written for transformers: {'; '.join(lacking)}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ExportError(f"{folder} is not an empty folder: name a new one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        config = config_json(model.config, architecture, bos_id)
        for name, text in {CONFIG: json.dumps(config, indent=2) + "\n", **files}.items():
            (fresh / name).write_text(text, encoding="utf-8")
        save_file(dict(weights(model)), fresh / WEIGHTS, metadata={"format": "pt"})
        fresh.chmod(0o755)
        fresh.replace(folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return architecture


@torch.no_grad()
def weights(model: Transformer) -> Iterator[tuple[str, Tensor]]:
    """The weights by the names of transformers, contiguous and in fp32, all on the CPU."""
    for name, value in _weights(model):
        yield name, value.detach().to("cpu", torch.float32).contiguous().clone()


def _weights(model: Transformer) -> Iterator[tuple[str, Tensor]]:
    """The weights by the names of transformers.

    A norm without weights has ones. The factor of a tied head's logits goes into the weights of the last norm, which
    nothing but the head follows.
    """
    yield "model.embed_tokens.weight", model.embedding.weight
    for layer, block in enumerate(cast("list[Block]", list(model.blocks))):
        for name, value in _block(block, model.config):
            yield f"model.layers.{layer}.{name}", value
    yield "model.norm.weight", model.logit_scale * _scales(model.final_norm, model.config.d_model)
    if not model.config.tied_head:
        yield "lm_head.weight", model.head.weight


def _block(block: Block, config: ModelConfig) -> Iterator[tuple[str, Tensor]]:
    """The weights of one block, the fused matrices apart."""
    K, queries, values = config.head_size, config.n_heads, key_value_heads(config)
    q, k, v = torch.split(block.attention.qkv.weight, [queries * K, values * K, values * K])
    yield "input_layernorm.weight", _scales(block.attention_norm, config.d_model)
    yield "self_attn.q_proj.weight", _half_split(q, K)
    yield "self_attn.k_proj.weight", _half_split(k, K)
    yield "self_attn.v_proj.weight", v
    yield "self_attn.o_proj.weight", block.attention.out.weight
    if config.qk_norm:
        yield "self_attn.q_norm.weight", _half_split(_scales(block.attention.q_norm, K), K)
        yield "self_attn.k_norm.weight", _half_split(_scales(block.attention.k_norm, K), K)
    yield "post_attention_layernorm.weight", _scales(block.mlp_norm, config.d_model)
    if config.experts > 1:
        yield from _experts(cast("Experts", block.mlp), architecture_of(config))
    else:
        yield from _mlp(cast("MLP", block.mlp), "mlp", ("gate_proj", "up_proj", "down_proj"))


def _experts(mixture: Experts, architecture: Architecture) -> Iterator[tuple[str, Tensor]]:
    """The weights of a mixture of experts, by the names under which each architecture was published."""
    where, names = "mlp", ("gate_proj", "up_proj", "down_proj")
    if architecture is Architecture.MIXTRAL:
        where, names = "block_sparse_moe", ("w1", "w3", "w2")
    yield f"{where}.gate.weight", mixture.router.weight
    for number, expert in enumerate(cast("list[MLP]", list(mixture.experts))):
        yield from _mlp(expert, f"{where}.experts.{number}", names)


def _mlp(mlp: MLP, where: str, names: tuple[str, str, str]) -> Iterator[tuple[str, Tensor]]:
    """The weights of an MLP: of its gate, its value and its output."""
    gate, up = mlp.up.weight.chunk(2)
    for name, value in zip(names, (gate, up, mlp.down.weight), strict=True):
        yield f"{where}.{name}.weight", value


def _scales(norm: torch.nn.Module, width: int) -> Tensor:
    """The weight of each channel of a norm."""
    weight = cast("RMSNorm", norm).weight
    return torch.ones(width) if weight is None else weight


def _half_split(rows: Tensor, size: int) -> Tensor:
    """The channels of each head in the order of transformers, which rotates p with p + K/2 and not 2p with 2p + 1."""
    heads_HPT = rows.view(-1, size // 2, 2, *rows.shape[1:])
    return heads_HPT.transpose(1, 2).reshape(rows.shape)

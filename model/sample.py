"""Draws text from a trained model, token by token, with a cache of keys and values."""

# Shapes follow the legend of model.transformer; S = positions seen so far, those of this call included.

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from model.checkpoint import FINAL, CheckpointError, read_checkpoint
from model.config import MATH_VERSION, SEEDS, RunConfig
from model.transformer import Attention, Block, Positions, Transformer, attended
from tokenizer.errors import ExpectedError


class SampleError(ExpectedError, ValueError):
    """No text can be drawn; the message says why and what to do."""

    kind = "sample"


class Decoder:
    """A model that remembers the keys and values of the tokens that it has seen."""

    def __init__(self, model: Transformer) -> None:
        """Begin with an empty context."""
        self.model = model
        self.length = 0
        """Positions seen so far."""
        self._keys: list[Tensor | None] = [None] * model.config.n_layers
        self._values: list[Tensor | None] = [None] * model.config.n_layers

    @torch.inference_mode()
    def __call__(self, tokens_BT: Tensor) -> Tensor:
        """Logits [B, T, V] after each of the next tokens [B, T]. Raises SampleError beyond the model's context."""
        context = self.model.config.context
        if self.length + tokens_BT.shape[1] > context:
            raise SampleError(f"{self.length + tokens_BT.shape[1]} tokens exceed the model's context of {context}")
        x_BTD: Tensor = self.model.embedding(tokens_BT)
        for layer, block in enumerate(cast("list[Block]", list(self.model.blocks))):
            x_BTD = x_BTD + self._attend(layer, block.attention, block.attention_norm(x_BTD))
            x_BTD = x_BTD + block.mlp(block.mlp_norm(x_BTD))
        self.length += tokens_BT.shape[1]
        return self.model.logits(x_BTD)

    def _attend(self, layer: int, attention: Attention, x_BTD: Tensor) -> Tensor:
        """Attention of one layer over all positions seen so far: [B, T, D] to [B, T, D]."""
        q_BTHK, k_BTGK, v_BTGK = attention.heads(x_BTD)
        q_BHTK, k_BGTK = (
            self._rotated(norm(x)).transpose(1, 2)
            for norm, x in ((attention.q_norm, q_BTHK), (attention.k_norm, k_BTGK))
        )
        keys, values = self._keys[layer], self._values[layer]
        k_BGSK = k_BGTK if keys is None else torch.cat((keys, k_BGTK), dim=2)
        v_BGSK = v_BTGK.transpose(1, 2) if values is None else torch.cat((values, v_BTGK.transpose(1, 2)), dim=2)
        self._keys[layer], self._values[layer] = k_BGSK, v_BGSK
        seen_TS = attended(q_BHTK.shape[2], k_BGSK.shape[2], attention.window, x_BTD.device)
        k_BHSK, v_BHSK = attention.for_queries(k_BGSK), attention.for_queries(v_BGSK)
        y_BHTK = F.scaled_dot_product_attention(q_BHTK, k_BHSK, v_BHSK, attn_mask=seen_TS)
        output: Tensor = attention.out(y_BHTK.transpose(1, 2).flatten(2))
        return output

    def _rotated(self, x_BTHK: Tensor) -> Tensor:
        """x rotated by RoPE from the current position on, where the model has positions."""
        rotate = self.model.rotate
        rotated: Tensor = rotate(x_BTHK, self.length) if isinstance(rotate, Positions) else rotate(x_BTHK)
        return rotated


def generate(
    model: Transformer,
    prompt: Sequence[int],
    count: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
) -> Iterator[int]:
    """Yield `count` ids that continue the prompt, one by one.

    Each is drawn from softmax(logits / temperature) over the `top_k` likeliest; temperature 0 takes the likeliest.
    When the context is full, its older half is forgotten. Raises SampleError for an empty prompt or bad options.
    """
    vocab, context = model.config.vocab, model.config.context
    if not prompt or not all(0 <= token < vocab for token in prompt):
        raise SampleError(f"the prompt must be at least one id of the vocabulary of {vocab}")
    if temperature < 0 or not math.isfinite(temperature):
        raise SampleError(f"the temperature must be 0 or more, is {temperature}")
    if top_k is not None and top_k < 1:
        raise SampleError(f"top-k must be at least 1, is {top_k}")
    if not 0 <= seed < SEEDS:
        raise SampleError(f"the seed must lie between 0 and 2^63 - 1, is {seed}")
    device = model.embedding.weight.device
    generator = torch.Generator(device).manual_seed(seed)
    decoder, known, fed = Decoder(model), list(prompt)[-context:], 0
    for _ in range(count):
        if len(known) > context:
            decoder, known, fed = Decoder(model), known[-max(1, context // 2) :], 0
        logits_V = decoder(torch.tensor([known[fed:]], device=device))[0, -1].float()
        fed = len(known)
        known.append(_draw(logits_V, temperature, top_k, generator))
        yield known[-1]


def _draw(logits_V: Tensor, temperature: float, top_k: int | None, generator: torch.Generator) -> int:
    """One id from logits [V]."""
    if temperature == 0:
        return int(logits_V.argmax())
    logits_V = logits_V / temperature
    if top_k is not None and top_k < len(logits_V):
        logits_V = logits_V.masked_fill(logits_V < logits_V.topk(top_k).values[-1], -math.inf)
    return int(torch.multinomial(logits_V.softmax(-1), 1, generator=generator))


def load_trained(checkpoints: Path, device: str = "cpu") -> tuple[Transformer, RunConfig]:
    """The model and the configuration of a finished run, from its folder of checkpoints. Raises SampleError."""
    file = checkpoints / FINAL
    try:
        state = read_checkpoint(file, device)
    except OSError as error:
        raise SampleError(f"{file} cannot be read ({error.strerror}): the run has not finished here") from error
    except CheckpointError as error:
        raise SampleError(f"{error}: train the run again") from error
    run = RunConfig.from_dict(state["run"])
    if run.model.tied_head and run.math_version != MATH_VERSION:
        raise SampleError(f"{file} is of arithmetic version {run.math_version}, in which tied heads had other logits")
    model = Transformer(run.model).to(device)
    model.load_state_dict(state["model"])
    return model.eval(), run

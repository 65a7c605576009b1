"""Counts parameters and FLOPs, in every named convention, in this one place. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from model.config import ModelConfig


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """Parameters of a model under each definition of N in use."""

    matmul: int
    """Parameters in a matrix product for each token, with the head, without the embedding's look-up: the default N.
    Of experts those that a token goes through."""
    total: int
    """All parameters, with every expert; a tied head counts once."""
    nonembedding: int
    """Parameters that a token uses, without embedding and head (Kaplan et al. 2020, section 2.1)."""


def count_parameters(model: ModelConfig) -> ParameterCount:
    """Count the parameters of a model shape without building it."""
    d, layers, vocab = model.d_model, model.n_layers, model.vocab
    head = vocab * d
    active = layers * (_projections(model) + _router(model) + model.active * _mlp_matrices(model))
    idle = layers * (model.experts - model.active) * (_mlp_matrices(model) + _mlp_biases(model))
    vectors = _vector_parameters(model)
    embeddings = vocab * d * (1 if model.tied_head else 2) + (vocab if model.biases else 0)
    return ParameterCount(
        matmul=active + head, total=active + vectors + idle + embeddings, nonembedding=active + vectors
    )


def _mlp_biases(model: ModelConfig) -> int:
    """Biases of one MLP, or of one expert."""
    return (2 if model.gated else 1) * model.d_ff + model.d_model if model.biases else 0


def _router(model: ModelConfig) -> int:
    """Parameters of a block's router; 0 where there is nothing to choose."""
    return model.experts * model.d_model if model.experts > 1 else 0


def _projections(model: ModelConfig) -> int:
    """Parameters of a block's projections: queries and output of the model's width, keys and values of their heads'."""
    return 2 * model.d_model * (model.d_model + model.kv_size)


def _mlp_matrices(model: ModelConfig) -> int:
    """Parameters of an MLP, or of an expert, in matrices: three of them with a gate, else two."""
    return (3 if model.gated else 2) * model.d_model * model.d_ff


def _vector_parameters(model: ModelConfig) -> int:
    """Norm weights and the biases of the blocks, those of the experts of one token."""
    norms = 0
    if model.norm_weights:
        per_block = 2 * model.d_model + (2 * model.head_size if model.qk_norm else 0)
        norms = model.n_layers * per_block + model.d_model
    attention = 2 * (model.d_model + model.kv_size) if model.biases else 0
    return norms + model.n_layers * (attention + model.active * _mlp_biases(model))


def attended_positions(model: ModelConfig, *, causal: bool) -> float:
    """Positions that a token attends to, summed over the blocks: those of each window W, at most the context T.

    `causal` averages over the tokens of a sequence, the first of which have fewer: W - W²/2T, which is T/2 without a
    window. Otherwise each token counts W, as nanochat, OLMo and PaLM count.
    """
    context = model.context
    return math.fsum(window - window * window / (2 * context) if causal else window for window in model.windows)


def attention_flops_per_token(model: ModelConfig, *, causal: bool) -> float:
    """Training FLOPs per token of the two attention products, 12 · d for each attended position (PaLM, appendix B).

    Grouped heads change nothing here: every head of queries has its products.
    """
    return 12 * model.d_model * attended_positions(model, causal=causal)


def flops_per_token(model: ModelConfig) -> float:
    """F(N): training FLOPs per token, 6 · N_matmul + 12 · L · d · T/2 (causal half), the default convention.

    A multiply-add counts as two; the backward pass costs twice the forward pass. What the optimizer does once a step
    does not count, be it AdamW's or Muon's.
    """
    return 6 * count_parameters(model).matmul + attention_flops_per_token(model, causal=True)


def flops_by_part(model: ModelConfig) -> dict[str, float]:
    """Training FLOPs per token by part of the model; the parts add up to `flops_per_token`.

    attention_scores: the two products with the causal half of the positions. attention_projections: Q, K, V and output.
    mlp: its three or two matrices; with experts those of one token, and the router. head: the product with the output
    matrix.
    """
    layers = model.n_layers
    return {
        "attention_scores": attention_flops_per_token(model, causal=True),
        "attention_projections": 6.0 * layers * _projections(model),
        "mlp": 6.0 * layers * (model.active * _mlp_matrices(model) + _router(model)),
        "head": 6.0 * model.vocab * model.d_model,
    }


def flops_per_token_by(model: ModelConfig) -> dict[str, float]:
    """Training FLOPs per token under every named convention, the default first.

    isoflop: matmul parameters with the head, causal half of attention (Porian et al. 2024, "att").
    full_attention: the same with all T positions, or those of a window (PaLM, appendix B; nanoGPT's and OLMo's MFU).
    six_n: 6 · N_matmul, without attention (Porian et al. 2024).
    kaplan: 6 · N_nonembedding (Kaplan et al. 2020, section 2.1).
    chinchilla: the look-up as a matrix product, full attention and softmax (Hoffmann et al. 2022, appendix F).
    """
    counts = count_parameters(model)
    attention = attention_flops_per_token(model, causal=False)
    softmax = 3 * 3 * model.n_heads * attended_positions(model, causal=False)
    return {
        "isoflop": flops_per_token(model),
        "full_attention": 6 * counts.matmul + attention,
        "six_n": 6.0 * counts.matmul,
        "kaplan": 6.0 * counts.nonembedding,
        "chinchilla": 6 * counts.matmul + 6.0 * model.vocab * model.d_model + attention + softmax,
    }


def params_by(model: ModelConfig) -> dict[str, int]:
    """N under every named convention of `flops_per_token_by`: what its authors call the size of the model.

    isoflop, full_attention, six_n: matmul parameters with the head. kaplan: non-embedding. chinchilla: all.
    """
    counts = count_parameters(model)
    return {
        "isoflop": counts.matmul,
        "full_attention": counts.matmul,
        "six_n": counts.matmul,
        "kaplan": counts.nonembedding,
        "chinchilla": counts.total,
    }

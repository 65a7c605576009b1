"""The native kernels against torch in float64."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from model.config import ModelConfig
from model.cpu import build, handwritten, native
from model.implementation import Implementation
from model.transformer import Transformer
from tests.unit.model.cpu.cpu_data import FLOAT64, draw, needs_compiler
from tests.unit.model.model_data import SHAPE


@needs_compiler
@pytest.mark.parametrize(
    ("vocab", "context", "width", "heads", "d_ff", "sequences"),
    [
        (61, 32, 16, 2, 32, 3),
        (61, 23, 24, 2, 33, 5),
        (300, 128, 36, 1, 96, 3),
        (61, 130, 64, 1, 70, 1),
        (61, 1, 8, 2, 5, 70),
        (150, 40, 136, 2, 150, 2),
    ],
)
@pytest.mark.parametrize("tied", [False, True])
def test_native_branches_equal_float64(
    vocab: int, context: int, width: int, heads: int, d_ff: int, sequences: int, tied: bool
) -> None:
    """Loss and every gradient, at shapes that fill no vector or several tiles, blocks of scores and parts of a sum."""
    shape = ModelConfig(vocab, context, width, 2, heads, d_ff, tied_head=tied)
    exact = Transformer(shape, seed=1).double()
    fast = Transformer(shape, seed=1, implementation=Implementation(branches="native"))
    tokens = torch.arange(sequences * (context + 1)).view(sequences, -1) ** 2 % 59
    losses = [model.loss(tokens[:, :-1], tokens[:, 1:]) for model in (exact, fast)]
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=1e-6)
    with torch.no_grad():
        assert fast.loss(tokens[:, :-1], tokens[:, 1:]).item() == losses[1].item()
    for loss in losses:
        loss.backward()
    for (name, a), b in zip(exact.named_parameters(), fast.named_parameters(), strict=True):
        scale = a.grad.abs().max().item()
        difference = (b[1].grad - a.grad).abs().max().item()
        assert difference < 3e-6 * scale, f"{name}: {difference} at a scale of {scale}"


def padded(x_DN: Tensor, stride: int, columns: int, context: int) -> Tensor:
    """[D, N] in fp32 as the kernels hold it, [B, D, S]: zero up to `columns`, and not a number where none may look."""
    x_BDT = x_DN.view(len(x_DN), -1, context).transpose(0, 1)
    x_BDS = torch.full((*x_BDT.shape[:2], stride), math.nan)
    x_BDS[:, :, :columns] = 0
    x_BDS[:, :, :context] = x_BDT
    return x_BDS


@needs_compiler
@pytest.mark.parametrize("kind", ["attention", "mlp", "head", "embedding"])
def test_each_native_branch_equals_float64(kind: str) -> None:
    """Result and gradients of one branch beside torch's branches in float64; gates of ±100 among the MLP's."""
    B, T, H, D, F, V = 3, 29, 2, 12, 19, 37
    stride, columns = build.library().padded_context(T), 32  # T by whole vectors, of 8 floats or of 16
    shape, sizes = handwritten.BatchShape(B, T, H, 1e-3), build.KernelShape(B, T, D, H, F, V, 1e-3)
    x, ids = draw(D, B * T), torch.arange(B * T) ** 2 % V
    angles = torch.outer(torch.arange(T, dtype=FLOAT64), torch.tensor([1.0, 0.3, 0.1], dtype=FLOAT64))
    rotation = (angles.cos(), angles.sin())
    if kind == "attention":
        weights = [draw(3 * D, D, seed=1), draw(D, D, seed=2)]
        exact = lambda x, *w: handwritten.attention_branch(x, *w, *(t.mT for t in rotation), shape)  # noqa: E731
        fast = lambda x, *w: native.AttentionBranch.apply(x, *w, *(t.float() for t in rotation), sizes)  # noqa: E731
    elif kind == "mlp":
        weights = [30 * draw(2 * F, D, seed=3), draw(D, F, seed=4)]
        exact = lambda x, *w: handwritten.mlp_branch(x, *w, 1e-3)  # noqa: E731
        fast = lambda x, *w: native.MlpBranch.apply(x, *w, sizes)  # noqa: E731
    elif kind == "head":
        weights = [draw(V, D, seed=5)]
        exact = lambda x, w: handwritten.head_loss(x, w, ids, 1e-3)  # noqa: E731
        fast = lambda x, w: native.HeadLoss.apply(x, w, ids, sizes)  # noqa: E731
    else:
        weights = [draw(V, D, seed=6)]
        exact = lambda x, w: w[ids].mT + 0 * x  # noqa: E731
        fast = lambda x, w: native.Embed.apply(w, ids, sizes, stride)  # noqa: E731
    inputs = [tensor.requires_grad_() for tensor in (x, *weights)]
    narrow = [padded(x.detach(), stride, columns, T), *(w.detach().float() for w in weights)]
    out, out_narrow = exact(*inputs), fast(*(tensor.requires_grad_() for tensor in narrow))
    upstream = draw(D, B * T, seed=7) if out.ndim else torch.tensor(0.5, dtype=FLOAT64)
    out.backward(upstream)
    out_narrow.backward(padded(upstream, stride, columns, T) if out.ndim else upstream.float())

    def tokens_of(x_BDS: Tensor) -> Tensor:
        return x_BDS[:, :, :T].transpose(0, 1).flatten(1)

    pairs = [(out, tokens_of(out_narrow) if out.ndim else out_narrow)]
    if kind != "embedding":
        assert (narrow[0].grad[:, :, T:columns] == 0).all(), "what lies beyond the context must not act on weights"
        pairs.append((x.grad, tokens_of(narrow[0].grad)))
    for expected, found in [*pairs, *((a.grad, b.grad) for a, b in zip(weights, narrow[1:], strict=True))]:
        scale = expected.abs().max().item()
        torch.testing.assert_close(found.double(), expected.detach(), rtol=0, atol=3e-6 * scale)


@needs_compiler
@pytest.mark.parametrize(
    "name", ["embedding.weight", "blocks.0.attention.qkv.weight", "blocks.1.mlp.up.weight", "head.weight"]
)
def test_native_loss_is_nan_where_a_weight_is(name: str) -> None:
    """Also where it is a single logit's of no target, which clamps and maxima might swallow."""
    tokens = torch.arange(66).view(2, 33) % 60
    model = Transformer(SHAPE, implementation=Implementation(branches="native"))
    model.get_parameter(name).data[61 if name == "head.weight" else slice(None)] = math.nan
    assert math.isnan(model.loss(tokens[:, :-1], tokens[:, 1:]).item())


@needs_compiler
def test_native_softmax_survives_large_logits() -> None:
    """Losses far from a guess, where exponentials without their maximum would overflow or vanish."""
    exact = Transformer(SHAPE, seed=1).double()
    fast = Transformer(SHAPE, seed=1, implementation=Implementation(branches="native"))
    tokens = torch.arange(66).view(2, 33) * 5 % 64
    for model in (exact, fast):
        model.head.weight.data *= 200
    losses = [model.loss(tokens[:, :-1], tokens[:, 1:]) for model in (exact, fast)]
    assert losses[0] > 100
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=1e-5)


@needs_compiler
def test_native_branches_refuse_what_they_would_misread() -> None:
    model = Transformer(SHAPE, implementation=Implementation(branches="native"))
    tokens = torch.zeros(1, 32, dtype=torch.int64)
    for bad in (64, -1):
        wrong = tokens.clone()
        wrong[0, 3] = bad
        for pair in ((wrong, tokens), (tokens, wrong)):
            with pytest.raises(IndexError, match="vocabulary of 64"):
                model.loss(*pair)
    with pytest.raises(TypeError, match="fp32"):
        model.double().loss(tokens, tokens)

"""The model against plain loops in float64, and its hand-written branches against autograd."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
import torch
from torch import Tensor

from model.config import ConfigError, ModelConfig
from model.cpu import build, handwritten, native
from model.cpu.architecture import covers
from model.implementation import Implementation, choose_implementation
from model.transformer import MLP, Attention, Positions, RMSNorm, Transformer, explicit_attention
from tests.unit.model.model_data import SHAPE, small_run, write_dataset

FLOAT64 = torch.float64


needs_compiler = pytest.mark.skipif(build.compiler() is None, reason="native branches need a C++ compiler")


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=FLOAT64, generator=torch.Generator().manual_seed(seed))


def reference_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """One head in plain loops: [T, K] each."""
    T, K = q.shape
    q, k, v = q.detach(), k.detach(), v.detach()
    y = torch.zeros(T, K, dtype=FLOAT64)
    for t in range(T):
        scores = [sum(q[t, c] * k[s, c] for c in range(K)) / math.sqrt(K) for s in range(t + 1)]
        exponentials = [math.exp(score) for score in scores]
        for s in range(t + 1):
            y[t] += exponentials[s] / sum(exponentials) * v[s]
    return y


def reference_rms(x: list[float], eps: float) -> list[float]:
    root = math.sqrt(sum(value * value for value in x) / len(x) + eps)
    return [value / root for value in x]


def test_explicit_attention_equals_loops() -> None:
    q, k, v = (draw(2, 3, 7, 4, seed=s) for s in range(3))
    y = explicit_attention(q, k, v)
    for b, h in itertools.product(range(2), range(3)):
        torch.testing.assert_close(y[b, h], reference_attention(q[b, h], k[b, h], v[b, h]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_rms_norm_equals_loops(weighted: bool) -> None:
    norm = RMSNorm(6, 1e-3, weighted).double()
    if weighted:
        norm.weight.data = draw(6, seed=9)
    x = draw(5, 6)
    expected = torch.tensor([reference_rms(row.tolist(), 1e-3) for row in x], dtype=FLOAT64)
    torch.testing.assert_close(norm(x), expected * (norm.weight if weighted else 1), rtol=1e-12, atol=1e-12)


def test_rope_equals_loops() -> None:
    T, K, base = 9, 6, 100.0
    x = draw(1, T, 1, K)
    y = Positions(T, K, base).double()(x)
    for t, p in itertools.product(range(T), range(K // 2)):
        angle = t * base ** (-2 * p / K)
        a, b = x[0, t, 0, 2 * p].item(), x[0, t, 0, 2 * p + 1].item()
        turned = (a * math.cos(angle) - b * math.sin(angle), b * math.cos(angle) + a * math.sin(angle))
        assert y[0, t, 0, 2 * p : 2 * p + 2].tolist() == pytest.approx(turned, abs=1e-6)


def test_rope_makes_scores_depend_on_distance_alone() -> None:
    positions = Positions(40, 8, 10_000.0).double()
    q, k = (positions(draw(1, 1, 1, 8, seed=s).expand(1, 40, 1, 8)) for s in (1, 2))
    score = [(q[0, t, 0] * k[0, t - 5, 0]).sum().item() for t in (5, 20, 39)]
    assert score == pytest.approx([score[0]] * 3, abs=1e-6)


@pytest.mark.parametrize("kind", ["swiglu", "gelu"])
def test_mlp_equals_loops(kind: str) -> None:
    mlp = MLP(ModelConfig(vocab=4, context=4, d_model=4, n_layers=1, n_heads=1, d_ff=3, mlp=kind)).double()
    up, down = mlp.up.weight.tolist(), mlp.down.weight.tolist()
    x = draw(4).tolist()
    projected = [sum(w * value for w, value in zip(row, x, strict=True)) for row in up]
    if kind == "swiglu":
        hidden = [g / (1 + math.exp(-g)) * u for g, u in zip(projected[:3], projected[3:], strict=True)]
    else:
        hidden = [u * 0.5 * (1 + math.erf(u / math.sqrt(2))) for u in projected]
    expected = [sum(w * value for w, value in zip(row, hidden, strict=True)) for row in down]
    assert mlp(torch.tensor([[x]], dtype=FLOAT64)).flatten().tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("attention", ["explicit", "fused"])
@pytest.mark.parametrize("qk_norm", [True, False])
def test_attention_layer_equals_loops(attention: str, qk_norm: bool) -> None:
    shape = dataclasses.replace(SHAPE, qk_norm=qk_norm)
    layer = Attention(shape, Implementation(attention=attention)).double()
    rotate = Positions(shape.context, shape.head_size, shape.rope_base).double()
    x = draw(1, 5, 16)
    q, k, v = ((x[0] @ layer.qkv.weight.T).view(5, 3, 2, 8)[:, part] for part in range(3))
    if qk_norm:
        q, k = (
            torch.tensor([[reference_rms(head.tolist(), shape.norm_eps) for head in row] for row in z], dtype=FLOAT64)
            for z in (q, k)
        )
    q, k = rotate(q[None])[0], rotate(k[None])[0]
    heads = [reference_attention(q[:, h], k[:, h], v[:, h]) for h in range(2)]
    expected = torch.cat(heads, dim=1) @ layer.out.weight.T
    torch.testing.assert_close(layer(x, rotate)[0], expected, rtol=1e-9, atol=1e-9)


def test_loss_equals_loops() -> None:
    model = Transformer(dataclasses.replace(SHAPE, logit_cap=5.0)).double()
    tokens = torch.arange(66).view(2, 33) * 5 % 64
    logits = model(tokens[:, :-1])
    total = 0.0
    for row, target in zip(logits.flatten(0, 1).tolist(), tokens[:, 1:].flatten().tolist(), strict=True):
        total += math.log(sum(math.exp(value) for value in row)) - row[target]
    assert logits.abs().max() < 5.0
    assert model.loss(tokens[:, :-1], tokens[:, 1:]).item() == pytest.approx(total / 64, rel=1e-12)


def test_no_position_sees_later_tokens() -> None:
    model = Transformer(SHAPE).double()
    tokens = torch.arange(32)[None] % 7
    changed = tokens.clone()
    changed[0, 20:] = 9
    before, after = model(tokens), model(changed)
    torch.testing.assert_close(before[0, :20], after[0, :20], rtol=0, atol=1e-12)
    assert (before[0, 20:] - after[0, 20:]).abs().max() > 1e-3


def test_initial_weights_depend_on_seed_alone() -> None:
    torch.manual_seed(1)
    first = Transformer(SHAPE, seed=3)
    torch.manual_seed(2)
    second, other = Transformer(SHAPE, seed=3), Transformer(SHAPE, seed=4)
    pairs = list(zip(first.parameters(), second.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert not any(torch.equal(a, c) for a, _, c in pairs)


def test_first_loss_is_near_a_uniform_guess() -> None:
    tokens = torch.arange(33 * 8).view(8, 33) * 13 % 64
    assert Transformer(SHAPE).loss(tokens[:, :-1], tokens[:, 1:]).item() == pytest.approx(math.log(64), abs=0.7)


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("sequences", [1, 3, 40])
def test_handwritten_branches_equal_autograd(heads: int, sequences: int) -> None:
    """Loss and every gradient; 40 sequences take several chunks of tokens."""
    shape = dataclasses.replace(SHAPE, n_heads=heads)
    plain = Transformer(shape, seed=1).double()
    fast = Transformer(shape, seed=1, implementation=Implementation(branches="handwritten")).double()
    tokens = torch.arange(sequences * 33).view(sequences, 33) ** 2 % 61
    losses = [model.loss(tokens[:, :-1], tokens[:, 1:]) for model in (plain, fast)]
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=1e-7)
    with torch.no_grad():
        assert fast.loss(tokens[:, :-1], tokens[:, 1:]).item() == pytest.approx(losses[1].item(), rel=1e-14)
    for loss in losses:
        loss.backward()
    for (name, a), b in zip(plain.named_parameters(), fast.parameters(), strict=True):
        scale = a.grad.abs().max().item()
        # Tables of sine and cosine are rounded to fp32, so a rotation keeps a norm to 1e-7 only.
        torch.testing.assert_close(b.grad, a.grad, rtol=0, atol=1e-6 * scale, msg=lambda m, name=name: f"{name}: {m}")


def test_handwritten_scores_in_several_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = torch.arange(5 * 33).view(5, 33) ** 2 % 61
    model = Transformer(SHAPE, implementation=Implementation(branches="handwritten")).double()
    whole = torch.autograd.grad(model.loss(tokens[:, :-1], tokens[:, 1:]), list(model.parameters()))
    monkeypatch.setattr(handwritten, "SCORES_AT_ONCE", 3 * 32 * 32)
    monkeypatch.setattr(handwritten, "HEAD_CHUNK", 50)
    parts = torch.autograd.grad(model.loss(tokens[:, :-1], tokens[:, 1:]), list(model.parameters()))
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


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


def test_gradcheck_of_branches() -> None:
    B, T, H, K, D, F, V = 2, 3, 2, 4, 8, 5, 7
    angles = torch.outer(torch.tensor([1.0, 0.1], dtype=FLOAT64), torch.arange(T, dtype=FLOAT64))
    x, w_qkv, w_out = draw(D, B * T), draw(3 * D, D, seed=1), draw(D, D, seed=2)
    for tensor in (x, w_qkv, w_out):
        tensor.requires_grad_()
    shape = handwritten.BatchShape(B, T, H, 1e-3)
    assert H * K == D
    assert torch.autograd.gradcheck(handwritten.attention_branch, (x, w_qkv, w_out, angles.cos(), angles.sin(), shape))
    w_up, w_down = draw(2 * F, D, seed=3).requires_grad_(), draw(D, F, seed=4).requires_grad_()
    assert torch.autograd.gradcheck(handwritten.mlp_branch, (x, w_up, w_down, 1e-3))
    head, targets = draw(V, D, seed=5).requires_grad_(), torch.arange(B * T) % V
    assert torch.autograd.gradcheck(handwritten.head_loss, (x, head, targets, 1e-3))


@pytest.mark.parametrize(
    "change",
    [
        {"mlp": "gelu"},
        {"norm_weights": True},
        {"biases": True},
        {"logit_cap": 3.0},
        {"rope_base": 0},
        {"qk_norm": False},
    ],
)
def test_other_parts_take_the_plain_path(change: dict, tmp_path) -> None:
    run = small_run(write_dataset(tmp_path), dataclasses.replace(SHAPE, **change))
    assert not covers(run.model, "fp32")
    assert choose_implementation(run.model, run.train, "cpu") == Implementation()
    for kind in ("handwritten", "native"):
        with pytest.raises(ConfigError, match=kind):
            Transformer(run.model, implementation=Implementation(branches=kind))


def test_tied_head_trains_one_matrix() -> None:
    shape = dataclasses.replace(SHAPE, tied_head=True)
    tokens = torch.arange(66).view(2, 33) % 60
    gradients = []
    for kind in ("autograd", "handwritten"):
        model = Transformer(shape, implementation=Implementation(branches=kind)).double()
        assert model.head.weight is model.embedding.weight
        model.loss(tokens[:, :-1], tokens[:, 1:]).backward()
        gradients.append(model.embedding.weight.grad)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=1e-6 * gradients[0].abs().max().item())

"""Shapes and types of every public tensor function of `model`, by jaxtyping with beartype."""

# B = sequences, T = positions, N = tokens, D = width, V = vocabulary, F = hidden width of the MLP, H = heads,
# K = channels of a head, P = channel pairs: as in model.transformer.

from __future__ import annotations

import numpy as np
import pytest
import torch
from beartype.roar import BeartypeDoorHintViolation
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from model.batches import Batches, windows_at
from model.cpu import handwritten, native
from model.head import linear_cross_entropy
from model.implementation import Implementation
from model.optim import clip_gradients
from model.parallel import World
from model.sample import Decoder
from model.training import Training
from model.transformer import MLP, Attention, Block, Positions, RMSNorm, Transformer, explicit_attention
from tests.unit.model.cpu.cpu_data import needs_compiler
from tests.unit.model.model_data import CPU, SHAPE, small_run
from tests.unit.shapes import with_shapes
from tokenizer.shards import Shards

B, T, D, V, F, H = 3, 7, 16, 64, 32, 2
K, N, P = D // H, B * T, D // H // 2
IDS = Int64[Tensor, "B T"]


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def ids(*shape: int) -> Tensor:
    return torch.arange(int(np.prod(shape))).view(shape) % V


def rotation() -> Positions:
    return Positions(SHAPE.context, K, 10_000.0)


def test_a_wrong_shape_is_seen() -> None:
    checked = with_shapes(explicit_attention, q_BHTK=Float[Tensor, "B H T K"], result=Float[Tensor, "B H K T"])
    with pytest.raises(BeartypeDoorHintViolation):
        checked(*(draw(B, H, T, K) for _ in range(3)))


def test_norm_and_positions() -> None:
    with_shapes(RMSNorm(D, 1e-6, True).forward, x=Float32[Tensor, "B T D"], result=Float32[Tensor, "B T D"])(
        draw(B, T, D)
    )
    checked = with_shapes(rotation().forward, x_BTHK=Float32[Tensor, "B T H K"], result=Float32[Tensor, "B T H K"])
    checked(draw(B, T, H, K), 5)


def test_attention() -> None:
    hint = Float32[Tensor, "B H T K"]
    checked = with_shapes(explicit_attention, q_BHTK=hint, k_BHTK=hint, v_BHTK=hint, result=hint)
    checked(*(draw(B, H, T, K) for _ in range(3)))
    for kind in ("explicit", "fused"):
        layer = Attention(SHAPE, Implementation(attention=kind))
        with_shapes(layer.forward, x_BTD=Float32[Tensor, "B T D"], result=Float32[Tensor, "B T D"])(
            draw(B, T, D), rotation()
        )


def test_mlp_and_block() -> None:
    hint = Float32[Tensor, "B T D"]
    with_shapes(MLP(SHAPE).forward, x_BTD=hint, result=hint)(draw(B, T, D))
    with_shapes(Block(SHAPE, Implementation(), 0).forward, x_BTD=hint, result=hint)(draw(B, T, D), rotation())


def test_transformer() -> None:
    model = Transformer(SHAPE)
    hidden = with_shapes(model.hidden, tokens_BT=IDS, result=Float32[Tensor, f"B T {D}"])(ids(B, T))
    with_shapes(model.logits, x_BTD=Float32[Tensor, "B T D"], result=Float32[Tensor, f"B T {V}"])(hidden)
    with_shapes(model.forward, tokens_BT=IDS, result=Float32[Tensor, f"B T {V}"])(ids(B, T))


@pytest.mark.parametrize(
    "implementation",
    [
        Implementation(),
        Implementation(head="chunked"),
        Implementation(branches="handwritten"),
        pytest.param(Implementation(branches="native"), marks=needs_compiler),
    ],
)
def test_loss_is_a_scalar(implementation: Implementation) -> None:
    model = Transformer(SHAPE, implementation=implementation)
    checked = with_shapes(model.loss, tokens_BT=IDS, targets_BT=IDS, result=Float32[Tensor, ""])
    checked(ids(B, T), ids(B, T))
    with torch.no_grad():
        checked(ids(B, T), ids(B, T))


def test_loss_is_at_least_fp32() -> None:
    for head in ("whole", "chunked"):
        model = Transformer(SHAPE, implementation=Implementation(head=head))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            with_shapes(model.hidden, result=Float[Tensor, "B T D"])(ids(B, T))
            with_shapes(model.loss, result=Float32[Tensor, ""])(ids(B, T), ids(B, T))
        with_shapes(model.double().loss, result=Float64[Tensor, ""])(ids(B, T), ids(B, T))


@pytest.mark.parametrize("biased", [False, True])
def test_chunked_head(biased: bool) -> None:
    checked = with_shapes(
        linear_cross_entropy,
        x_ND=Float[Tensor, "N D"],
        w_VD=Float[Tensor, "V D"],
        bias_V=Float[Tensor, " V"] | None,
        targets_N=Int64[Tensor, " N"],
        result=Float32[Tensor, ""],
    )
    bias = draw(V) if biased else None
    checked(draw(N, D), draw(V, D), bias, ids(N), chunk=4)
    checked(draw(N, D).bfloat16(), draw(V, D).bfloat16(), bias, ids(N), chunk=4)


def test_handwritten_norm_and_rotation() -> None:
    x = draw(D, N)
    hint, by_column = Float32[Tensor, "D N"], Float32[Tensor, "1 N"]
    x_hat, inverse = with_shapes(handwritten.normalise, x=hint, result=tuple[hint, by_column])(x, 0, 1e-6)
    checked = with_shapes(
        handwritten.normalise_backward,
        grad=hint,
        x_hat=hint,
        inverse=by_column,
        residual=hint | None,
        result=hint,
    )
    checked(draw(D, N), x_hat, inverse, 0)
    checked(draw(D, N), x_hat, inverse, 0, draw(D, N))
    angles = draw(P, T)
    turned, hint = torch.empty(B, P, 2, T), Float32[Tensor, "B P 2 T"]
    table = Float32[Tensor, "P T"]
    with_shapes(handwritten.rotate, source=hint, target=hint, cos_PT=table, sin_PT=table)(
        draw(B, P, 2, T), turned, angles.cos(), angles.sin()
    )


def test_handwritten_branches() -> None:
    shape = handwritten.BatchShape(B, T, H, 1e-6)
    hint, table = Float32[Tensor, "D N"], Float32[Tensor, "P T"]
    with_shapes(
        handwritten.attention_branch,
        x_DN=hint,
        w_qkv=Float32[Tensor, "3*D D"],
        w_out=Float32[Tensor, "D D"],
        cos_PT=table,
        sin_PT=table,
        result=hint,
    )(draw(D, N), draw(3 * D, D), draw(D, D), draw(P, T).cos(), draw(P, T).sin(), shape)
    with_shapes(
        handwritten.mlp_branch,
        x_DN=hint,
        w_up=Float32[Tensor, f"{2 * F} D"],
        w_down=Float32[Tensor, "D F"],
        result=hint,
    )(draw(D, N), draw(2 * F, D), draw(D, F), 1e-6)
    with_shapes(
        handwritten.head_loss,
        x_DN=hint,
        w_VD=Float32[Tensor, "V D"],
        targets_N=Int64[Tensor, " N"],
        result=Float32[Tensor, ""],
    )(draw(D, N), draw(V, D), ids(N), 1e-6)


@pytest.mark.parametrize("kind", ["handwritten", pytest.param("native", marks=needs_compiler)])
def test_losses_of_the_default_architecture(kind: str) -> None:
    loss = {"handwritten": handwritten.handwritten_loss, "native": native.native_loss}[kind]
    weights = Transformer(SHAPE)._weights()
    with_shapes(loss, tokens_BT=IDS, targets_BT=IDS, result=Float32[Tensor, ""])(weights, ids(B, T), ids(B, T))


def test_optimizer() -> None:
    parameters = [torch.nn.Parameter(draw(2, 3)), torch.nn.Parameter(draw(4))]
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    with_shapes(clip_gradients, result=Float32[Tensor, ""])(parameters, 0.5)


def test_batches_and_gradients(data: Shards) -> None:
    run = small_run(data, sequences=7)
    batches = Batches(run, data, CPU)
    for step, rows in ((0, 4), (1, 3)):
        with_shapes(batches.at, result=Int64[Tensor, f"{rows} {SHAPE.context + 1}"])(step)
    indices = np.arange(5)
    for source in (data.train, torch.from_numpy(data.train.astype(np.int16))):
        checked = with_shapes(windows_at, indices=Int64[np.ndarray, " B"], result=Int64[Tensor, "B 33"])
        checked(source, indices, 32, CPU)
    training = Training(run, Implementation(), CPU)
    hint = Int64[Tensor, "B 33"]
    with_shapes(training.gradients, sequences=hint, result=Float32[Tensor, ""])(batches.at(1))
    with_shapes(training.update, loss=Float32[Tensor, ""])(torch.tensor(1.0))
    with_shapes(World(1, 3).share, sequences=hint, result=Int64[Tensor, "1 33"])(batches.at(0))


def test_decoder() -> None:
    decoder = Decoder(Transformer(SHAPE))
    checked = with_shapes(decoder.__call__, tokens_BT=IDS, result=Float32[Tensor, f"B T {V}"])
    checked(ids(B, T))
    checked(ids(B, 1))

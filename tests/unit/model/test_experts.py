"""The mixture of experts: against a loop over tokens in float64, its balance, its bits, and its grouped products."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model import experts as experts_module
from model.checkpoint import Checkpoints
from model.config import ModelConfig
from model.evaluate import evaluate
from model.experts import BIAS_STEP, Experts, balanced, grouped_kernel, products
from model.implementation import Implementation
from model.sample import Decoder
from model.train import Interrupted, train
from model.training import Training
from model.transformer import MLP, Transformer
from model.trunk import Trunk
from model.trunk_states import branch_points
from model.values import AUXILIARY_WEIGHT
from tests.unit.model.cpu.cpu_data import FLOAT64, draw
from tests.unit.model.model_data import CPU, SHAPE, ignore, interrupt_at, same_state, scores, small_run
from tokenizer.shards import Shards

MIXED = dataclasses.replace(SHAPE, d_ff=16, experts=4, active=2)
BIASED = dataclasses.replace(MIXED, balance="bias", active=1)
D, E, N = 6, 5, 14


def mixture(active: int, balance: str = "auxiliary", mlp: str = "swiglu", weight: float | None = None) -> Experts:
    """A mixture in float64 with weights of unit size."""
    config = ModelConfig(
        *(9, 8, D, 1, 1, 4), mlp=mlp, experts=E, active=active, balance=balance, balance_weight=weight, biases=True
    )
    made = Experts(config, lambda: MLP(config)).double()
    for seed, parameter in enumerate(made.parameters()):
        parameter.data = draw(*parameter.shape, seed=seed)
    if made.bias is not None:
        made.bias.copy_(0.3 * draw(E, seed=99))
    return made


def by_token(made: Experts, x_ND: Tensor) -> tuple[Tensor, Tensor, list[list[int]]]:
    """Outputs, scores and chosen experts, one token at a time, as the papers write it."""
    outputs, all_scores, chosen = [], [], []
    for x in x_ND:
        powers = [torch.exp(sum(x[c] * made.router.weight[e, c] for c in range(D))) for e in range(E)]
        score = [power / sum(powers) for power in powers]
        bias = [0.0] * E if made.bias is None else made.bias.tolist()
        order = sorted(range(E), key=lambda e: -(score[e].item() + bias[e]))[: made.config.active]
        total = sum(score[e] for e in order) if made.config.active > 1 else 1.0
        outputs.append(sum(score[e] / total * made.experts[e](x[None])[0] for e in order))
        all_scores.append(torch.stack(score))
        chosen.append(order)
    return torch.stack(outputs), torch.stack(all_scores), chosen


@pytest.mark.parametrize(
    ("active", "balance", "mlp"),
    [
        (1, "auxiliary", "swiglu"),
        (1, "bias", "gelu"),
        (2, "bias", "swiglu"),
        (3, "none", "gelu"),
        (E, "bias", "swiglu"),
    ],
)
def test_a_mixture_equals_a_loop_over_its_tokens(active: int, balance: str, mlp: str) -> None:
    """Outputs, and the gradients of input, router and experts."""
    made, x = mixture(active, balance, mlp), draw(N, D, seed=50).detach().requires_grad_()
    expected, _, _ = by_token(made, x)
    y = made(x.view(2, N // 2, D)).view(N, D)
    torch.testing.assert_close(y, expected, rtol=1e-12, atol=1e-12)
    along = draw(N, D, seed=51)
    leaves = [x, *made.parameters()]
    found = torch.autograd.grad(y, leaves, along, allow_unused=True, materialize_grads=True)
    wanted = torch.autograd.grad(expected, leaves, along, allow_unused=True, materialize_grads=True)
    for gradient, reference in zip(found, wanted, strict=True):
        torch.testing.assert_close(gradient, reference, rtol=1e-10, atol=1e-12)
    assert found[1].abs().max() > 1e-3, "the router learns from the loss"


@pytest.mark.parametrize("active", [1, 3])
def test_the_auxiliary_loss_is_that_of_the_paper_and_changes_the_gradient_alone(active: int) -> None:
    made, x = mixture(active, weight=0.5), draw(N, D, seed=50)
    y = made(x)
    _, score, chosen = by_token(made, x)
    shares = [sum(e in order for order in chosen) / (N * active) for e in range(E)]
    expected = 0.5 * E * sum(share * score[:, e].mean() for e, share in enumerate(shares))
    assert made.auxiliary is not None
    torch.testing.assert_close(made.auxiliary, expected, rtol=1e-12, atol=0)
    loss = y.square().mean()
    whole = balanced(loss, [made])
    assert torch.equal(whole, loss) and made.auxiliary is None
    (found,) = torch.autograd.grad(whole * 0.25, made.router.weight, retain_graph=True)
    (wanted,) = torch.autograd.grad((loss + expected) * 0.25, made.router.weight)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-14)


def test_the_auxiliary_loss_of_a_perfect_balance_is_its_weight() -> None:
    made = mixture(1)
    made.router.weight.data = 100 * torch.eye(E, D, dtype=FLOAT64)
    made(torch.eye(E, D, dtype=FLOAT64))
    assert made.auxiliary.item() == pytest.approx(AUXILIARY_WEIGHT)
    made(torch.eye(E, D, dtype=FLOAT64)[:1].repeat(5, 1))
    assert made.auxiliary.item() == pytest.approx(AUXILIARY_WEIGHT * E), "all tokens to one expert"


def test_a_bias_rises_for_idle_experts_and_falls_for_busy_ones() -> None:
    made = mixture(1, "bias")
    assert made.bias is not None
    made.bias.zero_()
    made.load = torch.tensor([10, 2, 3, 0, 5])  # the mean is 4
    made.finish_step(lambda load: load)
    assert made.bias.tolist() == pytest.approx([-BIAS_STEP, BIAS_STEP, BIAS_STEP, BIAS_STEP, -BIAS_STEP])
    assert made.load is None
    made(draw(N, D))
    made(draw(N, D, seed=3))
    assert int(made.load.sum()) == 2 * N, "rows of the micro-batches of a step add up"
    with torch.no_grad():
        made(draw(N, D))
    assert int(made.load.sum()) == 2 * N, "scoring is no training"
    made.forget_rows()
    made.finish_step(lambda load: load)
    assert made.bias.abs().max() == pytest.approx(BIAS_STEP), "no rows, no change"


@pytest.mark.parametrize("model", [MIXED, BIASED, dataclasses.replace(MIXED, balance="none")])
def test_training_balances_and_the_reported_losses_are_cross_entropies(data: Shards, model: ModelConfig) -> None:
    run = small_run(data, dataclasses.replace(model, balance_weight=0.1))
    training = Training(run, Implementation(), CPU)
    tokens = torch.arange(4 * 33).view(4, 33) % 64
    plain = Transformer(dataclasses.replace(run.model, balance="none"), run.train.seed)
    loss = training.gradients(tokens)
    assert torch.equal(loss, plain.loss(tokens[:, :-1], tokens[:, 1:]).detach())
    plain.loss(tokens[:, :-1], tokens[:, 1:]).backward()
    router, other = training.model.mixtures[0].router.weight.grad, plain.mixtures[0].router.weight.grad
    assert torch.equal(router, other) == (model.balance != "auxiliary")
    training.update(loss)
    biases = [mixture.bias for mixture in training.model.mixtures if mixture.bias is not None]
    assert [float(bias.abs().max()) for bias in biases] == pytest.approx([0.1] * (2 * (model.balance == "bias")))
    score = evaluate(training.model, data, CPU, "fp32")
    assert score.loss == pytest.approx(math.log(64), abs=1), "a cross-entropy, whatever the weight of the balance"


@pytest.mark.parametrize("micro", [4, 3, 1])
def test_micro_batches_have_the_gradient_of_the_batch_without_an_auxiliary_loss(data: Shards, micro: int) -> None:
    training = Training(small_run(data, BIASED), Implementation(micro_batch=micro), CPU)
    tokens = torch.arange(4 * 33).view(4, 33) % 64
    training.gradients(tokens)
    training.gradients(tokens)  # as after memory ran out: the rows of the first try do not count
    assert [int(mixture.load.sum()) for mixture in training.model.mixtures] == [4 * 32] * 2
    whole = Transformer(BIASED, training.run.train.seed)
    whole.loss(tokens[:, :-1], tokens[:, 1:]).backward()
    for (name, parameter), expected in zip(training.model.named_parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, 2 * expected.grad, rtol=2e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize(("model", "optimizer"), [(MIXED, "adamw"), (BIASED, "muon")])
def test_a_resumed_run_is_bit_equal(data: Shards, tmp_path: Path, model: ModelConfig, optimizer: str) -> None:
    """Twice the same, interrupted, and from another run's trunk: with the bias of the balance, to the last bit."""
    runs = [small_run(data, model, sequences=n, warmup=0.0, optimizer=optimizer) for n in (24, 40)]
    whole = [train(run, data, ignore, Checkpoints(tmp_path / f"{i}")) for i, run in enumerate(runs)]
    finals = [(tmp_path / f"{i}" / "final.ckpt").read_bytes() for i in range(2)]
    with pytest.raises(Interrupted):
        train(runs[1], data, ignore, Checkpoints(tmp_path / "r"), stop=interrupt_at(6))
    resumed = train(runs[1], data, ignore, Checkpoints(tmp_path / "r"))
    assert resumed.resumed_from_step == 6
    assert scores(resumed) == scores(whole[1])
    trunk = Trunk(tmp_path / "t", branch_points(runs)[runs[0].trunk_id])
    train(runs[0], data, ignore, trunk=trunk)
    branched = train(runs[1], data, ignore, Checkpoints(tmp_path / "b"), trunk=trunk)
    assert branched.branched_from_step > 0
    assert scores(branched) == scores(whole[1])
    assert [(tmp_path / name / "final.ckpt").read_bytes() for name in ("r", "b")] == [finals[1]] * 2


def test_a_profile_in_bf16_routes_in_fp32(data: Shards) -> None:
    """The first step chooses as in fp32, and its loss differs by the rounding of the products alone."""
    tokens = torch.arange(4 * 33).view(4, 33) % 64
    trainings = [Training(small_run(data, BIASED, numerics=kind), Implementation(), CPU) for kind in ("fp32", "bf16")]
    losses = [float(training.gradients(tokens)) for training in trainings]
    assert losses[0] == pytest.approx(losses[1], rel=0.01) and losses[0] != losses[1]
    first = [training.model.mixtures[0] for training in trainings]
    assert first[0].experts[0].up.weight.grad.dtype == first[1].experts[0].up.weight.grad.dtype == torch.float32
    moved = (first[0].load - first[1].load).abs().sum()
    assert moved <= 8, "a few tokens of 128 lie between two experts"


def test_a_checkpoint_holds_the_bias(data: Shards, tmp_path: Path) -> None:
    run, checkpoints = small_run(data, BIASED), Checkpoints(tmp_path)
    training = Training(run, Implementation(), CPU)
    training.take_step(torch.arange(4 * 33).view(4, 33) % 64)
    checkpoints.save(training.step, training.state())
    restored = Training(run, Implementation(), CPU)
    restored.restore(checkpoints)
    assert same_state(restored.state(), training.state())
    assert float(restored.model.mixtures[0].bias.abs().max()) == pytest.approx(BIAS_STEP)


def test_a_token_s_result_does_not_depend_on_the_others() -> None:
    """No expert has a capacity: drawn token by token or all at once, the logits are the same."""
    model = Transformer(dataclasses.replace(MIXED, experts=8)).double()
    rows = (torch.arange(2 * 32).view(2, 32) * 7) % 64
    decoder = Decoder(model)
    one_by_one = torch.cat([decoder(rows[:, t : t + 1]) for t in range(32)], dim=1)
    torch.testing.assert_close(one_by_one, model(rows), rtol=1e-10, atol=1e-12)


def test_grouped_products_equal_the_experts_one_by_one() -> None:
    """torch's grouped product, here in bf16 on a CPU; on a GPU from Hopper on it is the implementation."""
    config = dataclasses.replace(MIXED, d_model=16, d_ff=24, experts=3)
    made = Experts(config, lambda: MLP(config)).bfloat16()
    experts, load, ends = list(made.experts), torch.tensor([5, 0, 9]), torch.tensor([5, 5, 14], dtype=torch.int32)
    x = draw(14, 16).bfloat16()
    expected = torch.cat([expert(part) for expert, part in zip(experts, x.split(load.tolist()), strict=True)])
    found = products(experts, x, load, lambda x, w: torch.nn.functional.grouped_mm(x, w.mT, offs=ends))
    torch.testing.assert_close(found, expected, rtol=2e-2, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "capability", "chosen"),
    [({}, (9, 0), True), ({}, (8, 0), False), ({"d_ff": 20}, (9, 0), False), ({"biases": True}, (10, 0), False)],
)
def test_one_kernel_computes_all_experts_where_the_gpu_has_it(
    monkeypatch: pytest.MonkeyPatch, change: dict, capability: tuple[int, int], chosen: bool
) -> None:
    config, gpu = dataclasses.replace(MIXED, **change), torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda kind: True)
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda kind: torch.bfloat16)
    assert grouped_kernel(config, gpu) is chosen
    assert not grouped_kernel(config, CPU)
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda kind: torch.float16)
    assert not grouped_kernel(config, gpu)
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda kind: False)
    assert not grouped_kernel(config, gpu)
    assert experts_module.GROUPED_CAPABILITY == (9, 0)

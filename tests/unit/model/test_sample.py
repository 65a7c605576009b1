"""Sampling: the cache gives the logits of the whole sequence, and draws follow their options."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from model.checkpoint import Checkpoints
from model.evaluate import evaluate
from model.sample import Decoder, SampleError, _draw, generate, load_trained
from model.train import Interrupted, train
from model.transformer import Transformer
from tests.unit.model.model_data import CPU, SHAPE, ignore, small_run
from tokenizer.shards import Shards

TOKENS = torch.arange(2 * 32).view(2, 32) ** 2 % 61


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"qk_norm": False, "rope_base": 0.0},
        {"n_heads": 4, "kv_heads": 2, "window": 5, "window_pattern": "SL", "mlp": "relu2"},
        {"mlp": "gelu", "biases": True, "norm_weights": True, "logit_cap": 3.0, "tied_head": True},
    ],
)
@pytest.mark.parametrize("pieces", [[1] * 32, [7, 1, 24], [32]])
def test_cached_logits_equal_the_uncached(change: dict, pieces: list[int]) -> None:
    model = Transformer(dataclasses.replace(SHAPE, **change), 1).double()
    decoder = Decoder(model)
    cached = torch.cat([decoder(piece) for piece in torch.split(TOKENS, pieces, dim=1)], dim=1)
    torch.testing.assert_close(cached, model(TOKENS), rtol=1e-10, atol=1e-10)
    with pytest.raises(SampleError, match="33 tokens exceed"):
        decoder(TOKENS[:, :1])


def test_greedy_text_is_the_likeliest_beyond_the_context() -> None:
    model = Transformer(SHAPE, 1)
    drawn = list(generate(model, [3, 4], 50, temperature=0))
    known = [3, 4]
    for token in drawn:
        if len(known) > 32:
            known = known[-16:]
        known.append(int(model(torch.tensor([known]))[0, -1].argmax()))
        assert token == known[-1]


def test_draws_follow_the_distribution_and_the_seed() -> None:
    model = Transformer(SHAPE, 1)
    logits = model(torch.tensor([[5]]))[0, -1].detach()
    expected = (logits / 0.7).softmax(-1)
    generator = torch.Generator().manual_seed(0)
    draws = [_draw(logits, 0.7, None, generator) for _ in range(4000)]
    assert (torch.bincount(torch.tensor(draws), minlength=64) / 4000 - expected).abs().max() < 0.03
    likeliest = set(expected.topk(3).indices.tolist())
    assert {_draw(logits, 1.0, 3, generator) for _ in range(200)} == likeliest
    assert {next(generate(model, [5], 1, seed=s, top_k=3)) for s in range(20)} <= likeliest
    twice = [list(generate(model, [5], 20, seed=7)) for _ in range(2)]
    assert twice[0] == twice[1] != list(generate(model, [5], 20, seed=8))


@pytest.mark.parametrize(
    ("prompt", "options"), [([], {}), ([64], {}), ([1], {"temperature": -1}), ([1], {"top_k": 0}), ([-1], {})]
)
def test_bad_options_are_refused(prompt: list[int], options: dict) -> None:
    with pytest.raises(SampleError):
        next(generate(Transformer(SHAPE), prompt, 1, **options))


def test_trained_weights_are_kept(data: Shards, tmp_path: Path) -> None:
    run, checkpoints = small_run(data), Checkpoints(tmp_path / "c")
    with pytest.raises(Interrupted):
        train(run, data, ignore, checkpoints, stop=lambda: True)
    with pytest.raises(SampleError, match="has not finished"):
        load_trained(checkpoints.folder)
    result = train(run, data, ignore, checkpoints)
    checkpoints.clear()
    model, loaded = load_trained(checkpoints.folder)
    assert loaded == run
    assert evaluate(model, data, CPU, "fp32").loss == pytest.approx(result.loss, rel=1e-6)
    (checkpoints.folder / "final.ckpt").write_bytes(b"torn")
    with pytest.raises(SampleError, match="train the run again"):
        load_trained(checkpoints.folder)


@pytest.mark.parametrize("seed", [-1, 2**63, 99999999999999999999999])
def test_a_seed_that_no_generator_takes_is_refused(seed: int) -> None:
    with pytest.raises(SampleError, match=f"between 0 and 2\\^63 - 1, is {seed}"):
        next(generate(Transformer(SHAPE), [1], 1, seed=seed))
    assert 0 <= next(generate(Transformer(SHAPE), [1], 1, seed=2**63 - 1)) < 64


def test_weights_of_another_arithmetic_are_used_where_it_is_the_same(data: Shards, tmp_path: Path) -> None:
    """Only tied heads had other logits in the first version."""
    for tied in (False, True):
        run = small_run(data, dataclasses.replace(SHAPE, tied_head=tied))
        old = dataclasses.replace(run, math_version=1).to_dict()
        Checkpoints(tmp_path / str(tied)).save_final({"run": old, "model": Transformer(run.model).state_dict()})
    assert load_trained(tmp_path / "False")[1].math_version == 1
    with pytest.raises(SampleError, match="arithmetic version 1, in which tied heads had other logits"):
        load_trained(tmp_path / "True")

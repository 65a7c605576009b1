"""nanochat's command: flags that its script knows, learning rates that are the recipe's after its scaling."""

from __future__ import annotations

import argparse
import math
import shlex

import pytest

from model.config import ModelConfig, TrainConfig
from model.muon import MATCHED_RMS
from sweeps.programs.nanochat import built_width, flags, nanochat_command
from tests.unit.sweeps.programs.optima import optimum

KNOWN = {
    "depth": int, "aspect-ratio": int, "head-dim": int, "max-seq-len": int, "window-pattern": str,
    "num-iterations": int, "device-batch-size": int, "total-batch-size": int, "embedding-lr": float,
    "unembedding-lr": float, "warmup-steps": int, "warmdown-ratio": float, "final-lr-frac": float,
}  # fmt: skip
"""Flags of nanochat's scripts/base_train.py that are set, with their types there."""
NANOCHAT = {"optimizer": "muon", "head_size": 16, "width_step": 16, "batch_tokens": 8192, "ff_step": 1}
"""Muon, and shapes small enough for the tests' corpus."""


def _read(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
    for name, kind in KNOWN.items():
        parser.add_argument(f"--{name}", type=kind, required=True)
    return parser.parse_args(words)


def test_a_shell_reads_the_command_and_the_script_its_flags() -> None:
    found = optimum(recipe_overrides={"layers": 4, "heads": 2})
    words = shlex.split(nanochat_command(found).replace("\\\n", ""), comments=True)
    assert words[:3] == ["python", "-m", "scripts.base_train"]
    read = _read(words[3:])
    model, train = found.model, found.train
    assert (read.depth, read.head_dim, read.max_seq_len) == (model.n_layers, model.head_size, model.context)
    assert (read.num_iterations, read.total_batch_size) == (train.steps, found.planned.batch_tokens)
    assert read.total_batch_size % (read.device_batch_size * read.max_seq_len) == 0 and read.device_batch_size <= 32


def test_a_pass_holds_a_whole_part_of_the_batch() -> None:
    for batch, part in ((48, 24), (34, 17), (37, 1), (32, 32)):
        assert (
            _read(list(flags(ModelConfig(64, 32, 16, 2, 2, 32), TrainConfig(400, batch, 0.1)))).device_batch_size
            == part
        )


def test_widths_are_those_that_nanochat_builds() -> None:
    for model in (
        ModelConfig(64, 32, 768, 12, 6, 32),
        ModelConfig(64, 32, 40, 12, 1, 32),
        ModelConfig(64, 32, 8, 3, 4, 9),
    ):
        read = _read(list(flags(model, TrainConfig(8, 4, 0.1))))
        base = read.depth * read.aspect_ratio
        assert built_width(model) == (base + read.head_dim - 1) // read.head_dim * read.head_dim
    assert built_width(ModelConfig(64, 32, 768, 12, 6, 32)) == 768
    assert built_width(ModelConfig(64, 32, 8, 3, 4, 9)) == 6


def test_rates_of_adamw_are_ours_after_nanochats_scaling() -> None:
    model = ModelConfig(64, 1024, 192, 3, 2, 512)
    read = _read(list(flags(model, TrainConfig(640, 64, 0.01, embedding_lr=0.3))))
    scaled = read.embedding_lr * math.sqrt(read.total_batch_size / 2**19) * (192 / 768) ** -0.5
    assert scaled == pytest.approx(0.3, rel=1e-5) and read.unembedding_lr == read.embedding_lr
    plain = _read(list(flags(model, TrainConfig(640, 64, 0.01))))
    assert plain.embedding_lr == pytest.approx(read.embedding_lr / 30, rel=1e-4)


def test_muon_s_steps_of_square_matrices_are_ours() -> None:
    model, train = ModelConfig(64, 1024, 192, 3, 2, 512), TrainConfig(640, 64, 0.01, optimizer="muon")
    found = dict(flag.lstrip("-").split("=") for flag in flags(model, train))
    after_scaling = float(found["matrix-lr"]) * math.sqrt(float(found["total-batch-size"]) / 2**19)
    assert after_scaling == pytest.approx(MATCHED_RMS * math.sqrt(192) * 0.01, rel=1e-5)
    assert "matrix-lr" not in " ".join(flags(model, TrainConfig(640, 64, 0.01)))


def test_a_model_of_nanochat_s_parts_has_them_there() -> None:
    parts = {"mlp": "relu2", "window": 512, "window_pattern": "SSSL", "logit_cap": 15.0}
    text = nanochat_command(optimum(context=2048, model=parts, recipe="nanochat", recipe_overrides=NANOCHAT))
    assert "--window-pattern=SSSL" in text and "--matrix-lr=" in text
    for words in ("the MLP,", "AdamW of the matrices", "caps them", "model.window", "train.optimizer"):
        assert words not in text, words
    assert "Muon's momentum 0.95" in text
    other = nanochat_command(optimum(model={"window": 24, "window_pattern": "SL"}))
    assert "--window-pattern=L" in other and "not carried over: model.window = 24" in other


def test_the_fall_is_the_cooldown_or_all_that_a_cosine_has() -> None:
    model = ModelConfig(64, 32, 16, 2, 2, 32)
    wsd = _read(list(flags(model, TrainConfig(400, 4, 0.1, warmup=0.1, cooldown=0.3, final_lr=0.05))))
    assert (wsd.warmup_steps, wsd.warmdown_ratio, wsd.final_lr_frac) == (10, 0.3, 0.05)
    cosine = _read(list(flags(model, TrainConfig(400, 4, 0.1, warmup=0.1, schedule="cosine"))))
    assert cosine.warmdown_ratio == pytest.approx(0.9)


def test_what_nanochat_has_otherwise_is_said() -> None:
    text = nanochat_command(optimum(model={"mlp": "gelu", "tied_head": True}, recipe_overrides={"schedule": "cosine"}))
    said = [line for line in text.splitlines() if line.startswith("# not carried over: ")]
    for words in ("the MLP, gelu", "by Muon", "the cosine schedule", "model.tied_head = true", "gradient-norm limit 1"):
        assert any(words in line for line in said), words
    assert "without QK-norm" not in text
    assert "without QK-norm" in nanochat_command(optimum(model={"qk_norm": False}))
    capped = nanochat_command(optimum(model={"logit_cap": 15.0}))
    assert "caps them at 15" in text and "caps them at 15" not in capped

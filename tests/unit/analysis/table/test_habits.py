"""Habits: what a column is by its name."""

from __future__ import annotations

import pytest

from analysis.table.habits import Kind, folded, holds_tokens, kind_of, nearest, words, words_of

KINDS = {
    Kind.REPEAT: "seed data_seed init_seed run run_id config.run_name optimizer.seed id name url started_at Timestamp wall_time hostname job_id tag notes",
    Kind.TUNING: (
        "lr learning_rate peak_lr batch batch_size global_batch warmup warmup_steps weight_decay wd beta2 adam_beta1 "
        "momentum grad_clip dropout schedule lr_schedule init_std n_layers d_model heads context_length optimizer.lr "
        "opt_beta2 data_batch gradient_accumulation_steps"
    ),
    Kind.EXPERIMENT: "dataset corpus optimizer Optimiser experiment arch tokenizer dataset_name recipe data_mix language optimizer.name dataset/path",
    Kind.OUTCOME: "train_loss val_loss perplexity bits_per_byte accuracy grad_norm weight_norm lr_mean mfu steps epochs params_total",
    Kind.UNKNOWN: "foo quux zeta x",
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in KINDS.items() for name in names.split()])
def test_a_column_is_known_by_the_words_of_its_name(kind: Kind, name: str) -> None:
    assert kind_of(name) is kind


@pytest.mark.parametrize(
    "name",
    [
        "D",
        "d",
        "tokens",
        "Tokens",
        "n_tokens",
        "num_tokens",
        "train_tokens",
        "training_tokens",
        "tokens_seen",
        "total_tokens",
        "trainTokens",
        "train/tokens",
        "D(B)",
        "tokens_b",
        "tokens_in_billions",
        "tokens_trained",
        "data",
        "n_toks",
        "nTokens",
        "tok",
    ],
)
def test_tokens_go_by_many_names(name: str) -> None:
    assert holds_tokens(name)


@pytest.mark.parametrize(
    "name",
    [
        "tokens_per_param",
        "batch_tokens",
        "unique_tokens",
        "tokens_per_second",
        "val_tokens",
        "vocab_tokens",
        "d_model",
        "dataset",
        "data_seed",
        "max_tokens",
        "tokenizer",
        "params",
        "warmup_tokens",
        "inference_tokens",
        "depth",
        "token_limit",
    ],
)
def test_other_tokens_are_not_training_tokens(name: str) -> None:
    assert not holds_tokens(name)


def test_names_fall_into_words() -> None:
    assert words_of("adamBeta2") == ["adam", "beta"]
    assert words_of("eval/loss-c4") == ["eval", "loss", "c"]
    assert words_of("nTokens") == ["n", "tokens"] and words_of("d_model") == ["d", "model"]
    assert folded(" Model Size-B ") == "model_size_b"
    assert words("a b  a") == {"a", "b"}


@pytest.mark.parametrize(
    ("quantity", "have", "found"),
    [
        ("flops", ["x", "C"], "C"),
        ("flops", ["train_pflops"], "train_pflops"),
        ("flops", ["x"], ""),
        ("params", ["Model Size"], "Model Size"),
        ("params", ["non_embedding_params"], "non_embedding_params"),
        ("loss", ["c4/loss"], "c4/loss"),
        ("loss", ["perplexity"], ""),
        ("tokens", ["D"], "D"),
    ],
)
def test_the_nearest_column_is_one_of_the_same_quantity(quantity: str, have: list[str], found: str) -> None:
    assert nearest(quantity, quantity, have) == found
